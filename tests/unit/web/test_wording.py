"""The template filters: times, names and digests, and the status of a watch."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.decision import HoldReason
from app.domain.rollout import RolloutState
from app.refusals.process import DEPLOYMENT
from app.services.views.queries import Outage, TaskView, WatchView
from app.web.render import wording
from tests.fakes.registry import digest_of
from tests.web.values import DECISION, NOW, SUMMARY, WATCH

OUTAGE = Outage(problem="connection refused", since=None)
MOVING = replace(SUMMARY, outcome=None, state=RolloutState.SUBMITTED, reason="", ended_at=None)
MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (MINUTE, "1 min"),
        (HOUR - 1, "59 min"),
        (HOUR, "1 h"),
        (DAY - 1, "23 h"),
        (DAY, "1 d"),
        (60 * DAY - 1, "59 d"),
        (60 * DAY, "2 months"),
        (400 * DAY, "13 months"),
    ],
)
def test_how_long_ago(seconds: float, message: str) -> None:
    assert wording.duration(timedelta(seconds=seconds)) == message


def test_a_time_is_shown_relative_and_exact() -> None:
    then = NOW - timedelta(minutes=5)
    exact = 'datetime="2026-01-02T02:59:05+00:00" title="2026-01-02 02:59:05 UTC"'
    assert wording.ago(then, NOW) == f'<time {exact} data-suffix="ago">5 min ago</time>'
    assert wording.elapsed(then, NOW) == f'<time {exact} data-suffix="">5 min</time>'
    assert wording.ago(None, NOW) == "some time ago"
    assert wording.ago(None, NOW, "never") == "never"
    assert wording.elapsed(None, NOW) == "some time"


def test_a_time_of_another_zone_is_shown_in_utc() -> None:
    there = datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert 'title="2026-01-02 03:04:05 UTC"' in str(wording.ago(there, NOW))
    assert there.astimezone(UTC) == NOW


@given(st.text(), st.text())
def test_no_two_names_have_the_same_id(one: str, other: str) -> None:
    assert (wording.slug(one) == wording.slug(other)) is (one == other)


@pytest.mark.parametrize("name", ["app", "team/app", "a.b", "a b", "ü😀", '"><script>', "\u202e", "a\tb"])
def test_an_id_is_one_word_of_plain_characters(name: str) -> None:
    slug = wording.slug(name)
    assert slug.isascii()
    assert not set(slug) & set(" \t\"'<>&/")


def test_foreign_text_is_isolated_and_escaped() -> None:
    assert wording.bidi("<b>") == "<bdi>&lt;b&gt;</bdi>"
    assert wording.bidi("") == ""
    assert wording.breakable("a/<b>/c") == "<bdi>a/<wbr>&lt;b&gt;/<wbr>c</bdi>"


@pytest.mark.parametrize("mark", ["\u061c", "\u200f", "\u202e", "\u202a", "\u2066", "\u2069"])
def test_direction_marks_are_made_visible(mark: str) -> None:
    for shown in (wording.visible(f"a{mark}b"), wording.bidi(f"a{mark}b"), wording.breakable(f"a{mark}b")):
        assert mark not in shown
        assert f"\\u{ord(mark):04x}" in shown
    assert wording.visible("שלום ü😀") == "שלום ü😀"


def test_digests_are_short_enough_to_compare() -> None:
    whole = digest_of("x")
    assert wording.digest(whole) == whole[:19]
    assert wording.short(whole) == whole[7:19]
    assert wording.digest("0123456789abcdef") == wording.short("0123456789abcdef") == "0123456789ab"


def test_a_name_in_a_path_keeps_its_slashes_and_nothing_else() -> None:
    assert wording.path("team/a b?c#d%e&f") == "team/a%20b%3Fc%23d%25e%26f"


def test_counted_nouns_have_their_plural() -> None:
    assert wording.counted(1, "watch", "watches") == "1 watch"
    assert wording.counted(0, "watch", "watches") == "0 watches"
    assert wording.counted(2, "tag") == "2 tags"


def _task(task: str, tag: str) -> TaskView:
    return TaskView(task=task, image=f"team/app:{tag}", tag=tag, digest=digest_of(tag))


def test_tasks_with_the_same_image_are_one_line_and_others_are_named() -> None:
    same = (_task("web/server", "v1"), _task("api/server", "v1"))
    (image,) = wording.images(same)
    assert (image.tag, image.where) == ("v1", "")
    assert wording.specified_tag(replace(WATCH, specified=same)) == "v1"
    several = wording.images((*same, _task("old/server", "v0")))
    assert [(each.tag, each.where) for each in several] == [("v1", "web/server, api/server"), ("v0", "old/server")]
    assert wording.specified_tag(replace(WATCH, specified=(*same, _task("old/server", "v0")))) == ""
    assert wording.specified_tag(replace(WATCH, specified=())) == ""
    assert wording.images(()) == []


@pytest.mark.parametrize(
    ("watch", "status", "explanation"),
    [
        (replace(WATCH, registry_outage=OUTAGE, rollout=MOVING), "Outage", "connection refused"),
        (replace(WATCH, job_outage=OUTAGE), "Outage", "connection refused"),
        (replace(WATCH, missing_image=OUTAGE), "Outage", "connection refused"),
        (replace(WATCH, rollout=replace(MOVING, deployment=DEPLOYMENT)), "Waiting for promotion", "app v1.1.0"),
        (
            replace(WATCH, rollout=replace(MOVING, deployment=replace(DEPLOYMENT, awaits_promotion=False))),
            "Deploying 1/2 healthy",
            "app v1.1.0",
        ),
        (replace(WATCH, rollout=replace(MOVING, note="waits for Nomad")), "Deploying", "app v1.1.0: waits for Nomad"),
        (replace(WATCH, decision=None, rollout=None), "Not checked yet", "its first check comes with the next poll"),
        (
            replace(WATCH, decision=None, rollout=None, due=True),
            "Not checked yet",
            "a worker reads its registry and its job next",
        ),
        (WATCH, "Up to date", "v1.1.0 runs"),
        (replace(WATCH, decision=replace(DECISION, reason=None)), "Deploying", "v1.1.0 runs"),
        (
            replace(WATCH, decision=replace(DECISION, reason=HoldReason.PAUSED, message="everything is paused")),
            "Held: paused",
            "everything is paused",
        ),
    ],
)
def test_the_status_of_a_watch_and_its_explanation(watch: WatchView, status: str, explanation: str) -> None:
    assert (wording.status(watch), wording.explanation(watch)) == (status, explanation)


def test_when_a_watch_changed_last() -> None:
    assert wording.changed_at(replace(WATCH, decision=None, rollout=None)) is None
    assert wording.changed_at(replace(WATCH, rollout=None)) == DECISION.first_at
    assert wording.changed_at(WATCH) == SUMMARY.ended_at
    assert wording.changed_at(replace(WATCH, decision=None, rollout=MOVING)) == MOVING.created_at
    assert wording.checked_at(WATCH) == DECISION.last_at
    assert wording.checked_at(replace(WATCH, decision=None)) is None


def test_the_times_of_the_registry_and_of_the_job_are_two() -> None:
    now = DECISION.last_at
    read = replace(WATCH, job_read_at=now - timedelta(minutes=3), follows_job=False)
    assert "job read <time" in wording.job_read(read, now)
    assert "3 min ago" in wording.job_read(read, now)
    assert wording.job_read(replace(read, follows_job=True), now) == "job followed"
    assert wording.job_read(replace(read, job_read_at=None), now) == "job not read yet"
