"""Which reading of the configuration comes into force, which waits, and which is refused."""

from dataclasses import replace

import pytest

from app.domain.configuration import (
    Accept,
    ConfigurationState,
    Grants,
    HoldBack,
    Reading,
    fingerprint,
    judge,
    weakens,
)
from app.domain.reference import Repository
from app.domain.watch import DeployBy, JobPlace, Watch

APP = Watch(
    name="app",
    registry="main",
    repository=Repository.of("registry.example", "team/app"),
    place=JobPlace(region="", namespace="default", job_id="web"),
    task="server",
)
UNKNOWN = ConfigurationState(revision=None, newest=None, accepted=False)
NEW = ConfigurationState(revision=None, newest=7, accepted=False)
OLDER = ConfigurationState(revision=3, newest=7, accepted=False)
STARTED = Reading(edited=False, repeated=False)
EDITED = Reading(edited=True, repeated=False)


def watches(count: int, registry: str = "main") -> list[Watch]:
    return [replace(APP, name=f"{registry}-{number}", registry=registry) for number in range(count)]


@pytest.mark.parametrize("standing", [UNKNOWN, NEW, ConfigurationState(revision=7, newest=7, accepted=False)])
def test_what_nothing_came_after_is_accepted(standing: ConfigurationState) -> None:
    assert judge(STARTED, standing, present=watches(2), gone=["main-0"]) == Accept()


def test_an_older_one_waits_whatever_it_changes_and_however_often_it_is_read() -> None:
    for repeated in (False, True):
        verdict = judge(Reading(edited=False, repeated=repeated), OLDER, present=watches(2), gone=[])
        assert isinstance(verdict, HoldBack)
        assert verdict.older
        assert verdict.reason.startswith("a newer set of watches came into force after this one")
        assert "`registrywatcher reload --accept` with this file, or" in verdict.reason


def test_going_back_by_an_edit_is_new() -> None:
    assert judge(EDITED, OLDER, present=watches(2), gone=["main-0"]) == Accept()


@pytest.mark.parametrize(("total", "gone", "waits"), [(1, 1, True), (2, 1, False), (3, 2, True), (4, 2, False)])
def test_more_than_half_waits(total: int, gone: int, waits: bool) -> None:
    present = watches(total)
    verdict = judge(EDITED, NEW, present=present, gone=[watch.name for watch in present[:gone]])
    assert isinstance(verdict, HoldBack) == waits


@pytest.mark.parametrize(
    ("gone", "moved", "told"),
    [
        ([], ["main-0"], None),
        ([], ["main-0", "main-1"], "it moves 2 of 3 watches (main-0, main-1)"),
        (["main-2"], ["main-0"], "it removes or moves 2 of 3 watches (main-0, main-2)"),
        (["main-0", "main-2"], [], "it removes 2 of 3 watches (main-0, main-2)"),
    ],
)
def test_a_move_counts_as_taken_away_since_its_history_is_forgotten(
    gone: list[str], moved: list[str], told: str | None
) -> None:
    verdict = judge(EDITED, NEW, present=watches(3), gone=gone, moved=moved)
    assert isinstance(verdict, HoldBack) == (told is not None)
    if isinstance(verdict, HoldBack) and told is not None:
        assert told in verdict.reason
    assert judge(replace(EDITED, repeated=True), NEW, present=watches(3), gone=gone, moved=moved) == Accept()


def test_all_of_a_registry_waits_though_few_go() -> None:
    present = [*watches(9), *watches(1, "second")]
    verdict = judge(EDITED, NEW, present=present, gone=["second-0"])
    assert isinstance(verdict, HoldBack)
    assert not verdict.older
    assert "every watch of registry second (second-0)" in verdict.reason


def test_a_registry_that_keeps_one_does_not_wait() -> None:
    present = [*watches(9), *watches(2, "second")]
    assert judge(EDITED, NEW, present=present, gone=["second-0"]) == Accept()


def test_what_takes_nothing_away_never_waits_for_its_size() -> None:
    assert judge(EDITED, NEW, present=[], gone=[]) == Accept()


@pytest.mark.parametrize("reading", [STARTED, EDITED])
def test_what_waits_for_its_size_is_taken_when_it_is_repeated_or_accepted(reading: Reading) -> None:
    present = watches(1)
    assert isinstance(judge(reading, NEW, present=present, gone=["main-0"]), HoldBack)
    assert judge(replace(reading, repeated=True), NEW, present=present, gone=["main-0"]) == Accept()
    assert judge(reading, replace(NEW, accepted=True), present=present, gone=["main-0"]) == Accept()


def test_an_older_one_is_taken_when_a_person_accepts_it() -> None:
    assert judge(STARTED, replace(OLDER, accepted=True), present=watches(1), gone=["main-0"]) == Accept()


def test_the_reason_names_some_and_counts_the_rest() -> None:
    present = watches(9)
    verdict = judge(EDITED, NEW, present=present, gone=[watch.name for watch in present[:8]])
    assert isinstance(verdict, HoldBack)
    assert "removes 8 of 9 watches (main-0, main-1, main-2, main-3, main-4 and 3 more)" in verdict.reason
    one = judge(EDITED, NEW, present=watches(1), gone=["main-0"])
    assert isinstance(one, HoldBack)
    assert "1 of 1 watch (main-0)" in one.reason


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (Grants(tokens=2, written=True), Grants(tokens=1, written=True), None),
        (Grants(tokens=0, written=True), Grants(tokens=0, written=True), None),
        (Grants(tokens=0, written=False), Grants(tokens=0, written=False), None),
        (Grants(tokens=2, written=True), Grants(tokens=0, written=True), "api_tokens"),
        (Grants(tokens=0, written=True), Grants(tokens=0, written=False), "empty"),
        (Grants(tokens=1, written=False), Grants(tokens=0, written=False), "api_tokens"),
    ],
)
def test_from_tokens_to_none_or_to_an_empty_file_is_refused(before: Grants, after: Grants, message: str | None) -> None:
    refused = weakens(before, after)
    assert (refused is None) == (message is None)
    if refused is not None and message is not None:
        assert message in refused.reason
        assert "restart" in refused.reason


def test_a_fingerprint_is_of_everything_that_is_written_and_of_the_order() -> None:
    other = replace(APP, name="other")
    known = {fingerprint([]), fingerprint([APP]), fingerprint([APP, other]), fingerprint([other, APP])}
    for changed in (
        replace(APP, registry="second"),
        replace(APP, repository=Repository.of("registry.example", "team/new")),
        *(replace(APP, place=replace(APP.place, **{key: "x"})) for key in ("region", "namespace", "job_id")),
        replace(APP, task="x"),
        replace(APP, group="x"),
        replace(APP, deploy_by=DeployBy.TAG),
        replace(APP, observe_only=True),
        replace(APP, promote_after=1.0),
        replace(APP, revert_on_failure=False),
    ):
        known.add(fingerprint([changed]))
    assert len(known) == 4 + 11
    assert fingerprint([replace(APP)]) == fingerprint([APP])
