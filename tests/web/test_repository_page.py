"""One repository's page: its state with the reason, the possible actions, and its timeline."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from app.domain.decision import HoldReason
from app.domain.undo import RollbackOffer
from app.refusals.process import DEPLOYMENT
from app.services.views.board import TimelineEntry
from app.services.views.queries import Outage, WatchView
from app.web.pages.repository import ENTRIES
from app.web.render import wording
from tests.fakes.registry import digest_of
from tests.web.outline import outline
from tests.web.process import MemoryProcess, MemorySettings
from tests.web.samples import GOOD, UNDERWAY, WAITING, WHY, entries, view, watch
from tests.web.values import DECISION, NEVER_CHECKED, NOW, PLACE, SUMMARY, WATCH


def show(process: MemoryProcess, found: WatchView) -> None:
    process.queries.known = process.board.known = (found,)


def test_a_repository_page_shows_the_facts(process: MemoryProcess, browser: TestClient) -> None:
    place = replace(PLACE, region="eu", namespace="prod")
    show(process, replace(WATCH, name="team/app", place=place, pinned_tag="test", failed=(digest_of("v9"),), due=True))
    page = outline(browser, "/repos/team/app")
    for expected in (
        "v1.1.0",
        digest_of("v1.1.0")[:19],
        "pinned to test",
        "server",
        "On",
        "3 tags",
        digest_of("v9")[:19],
    ):
        assert expected in page.text
    assert "eu/ prod/ web" in page.text
    assert "registry.example/ team/ app" in page.text
    assert "unchanged in 3 checks" in page.text
    assert "checking now" in page.text


def test_api_clients_get_the_same_watch_as_in_the_list(client: TestClient) -> None:
    assert client.get("/repos/app").json() == client.get("/repos").json()


def test_an_unknown_one_is_404_with_the_fix(client: TestClient, browser: TestClient) -> None:
    answer = client.get("/repos/nobody")
    assert answer.status_code == 404
    assert "GET /repos lists the names" in answer.json()["message"]
    assert "nobody" in outline(browser, "/repos/nobody", status=404).text


def test_each_outage_is_shown_with_its_start(process: MemoryProcess, browser: TestClient) -> None:
    since = NOW - timedelta(minutes=5)
    show(
        process,
        replace(
            WATCH,
            registry_outage=Outage(problem="connection refused", since=since),
            job_outage=Outage(problem="the token may not", since=None),
            missing_image=Outage(problem="the registry no longer has sha256:abc", since=since),
            source_stale="two literals name it",
        ),
    )
    page = outline(browser, "/repos/app")
    for expected in (
        "The registry main cannot be read for 5 min : connection refused",
        "The job cannot be read or changed : the token may not",
        "The running image is missing in the registry for 5 min : the registry no longer has sha256:abc",
        "The job’s source is outdated : two literals name it",
    ):
        assert expected in page.text


def test_a_rollout_under_way_shows_its_health_and_can_be_failed(process: MemoryProcess, browser: TestClient) -> None:
    moving = replace(WAITING, deployment=replace(DEPLOYMENT, awaits_promotion=False, unhealthy=1))
    show(process, watch("app", rollout=moving))
    page = outline(browser, "/repos/app")
    assert "1 of 2 healthy" in page.text
    assert "1 unhealthy" in page.text
    (meter,) = (attributes for tag, attributes in page.elements if tag == "meter")
    assert (meter["value"], meter["max"]) == ("1", "2")
    assert page.link("/confirm/fail/") == f"/confirm/fail/{WAITING.rollout_id}"
    assert not [link for link in page.links if link.startswith("/confirm/promote/")]


def test_waiting_canaries_can_be_promoted_and_show_the_automatic_time(
    process: MemoryProcess, browser: TestClient
) -> None:
    show(process, watch("app", rollout=WAITING, promote_after=30.0))
    page = outline(browser, "/repos/app")
    assert "Its canaries wait for promotion" in page.text
    assert "automatically after 30 s" in page.text
    assert page.link("/confirm/promote/") == f"/confirm/promote/{WAITING.rollout_id}"


def test_a_rollout_without_a_deployment_offers_no_actions(process: MemoryProcess, browser: TestClient) -> None:
    show(process, watch("app", rollout=UNDERWAY))
    page = outline(browser, "/repos/app")
    assert "Rollout in progress" in str(page.elements)
    assert not [link for link in page.links if link.startswith(("/confirm/fail/", "/confirm/promote/"))]


def test_the_last_failed_rollout_is_explained(process: MemoryProcess, browser: TestClient) -> None:
    process.queries.ended = (view(SUMMARY, diagnosis=WHY),)
    process.board.rollouts = (SUMMARY,)
    answer = browser.get("/repos/app")
    assert "&lt;panic&gt;\nexit 1</pre>" in answer.text
    page = outline(browser, "/repos/app")
    for expected in ("Why app v1.1.0 failed", SUMMARY.reason, "exited with code 1", "read-logs", "web/server’s stderr"):
        assert expected in page.text
    process.board.rollouts = (GOOD, SUMMARY)
    assert "Why app v1.1.0 failed" not in outline(browser, "/repos/app").text
    process.board.rollouts = (replace(GOOD, undoes=SUMMARY.rollout_id), SUMMARY)
    assert "Why app v1.1.0 failed" in outline(browser, "/repos/app").text


def test_a_rollback_is_offered_by_the_name_of_its_goal(process: MemoryProcess, browser: TestClient) -> None:
    newest = replace(SUMMARY, rollback=RollbackOffer(goal="v1.4.1"))
    earlier = replace(GOOD, rollout_id=UUID(int=31), rollback=RollbackOffer(goal="v1.4.0"))
    process.board.rollouts = (newest, GOOD, earlier)
    page = outline(browser, "/repos/app")
    assert [link for link in page.links if link.startswith("/confirm/rollback/")] == [
        f"/confirm/rollback/{newest.rollout_id}",
        f"/confirm/rollback/{earlier.rollout_id}",
    ]
    assert "Roll back to v1.4.1 …" in page.text
    assert "Roll back to v1.4.0 …" in page.text


@pytest.mark.parametrize(
    ("found", "offered"),
    [
        (WATCH, False),
        (replace(WATCH, failed=("sha256:a",)), True),
        (replace(WATCH, rolled_back_at=NOW), True),
        (replace(WATCH, decision=replace(DECISION, reason=HoldReason.DRIFTED)), True),
        (replace(WATCH, decision=replace(DECISION, reason=HoldReason.PAUSED)), False),
        (replace(WATCH, decision=None), False),
    ],
)
def test_release_is_offered_when_a_hold_waits_for_a_person(
    process: MemoryProcess, browser: TestClient, found: WatchView, offered: bool
) -> None:
    show(process, found)
    assert ("/confirm/release/app" in outline(browser, "/repos/app").links) is offered


def test_the_actions_link_to_their_confirmations(process: MemoryProcess, browser: TestClient) -> None:
    page = outline(browser, "/repos/app")
    assert {
        "/confirm/deploy/app",
        "/confirm/deploy/app?tag=v1.1.0",
        "/confirm/reset/app",
        "/confirm/switch-off/app",
    } <= set(page.links)
    assert page.form("/confirm/check/app").method == "post"
    show(process, replace(WATCH, specified=()))
    assert "/confirm/deploy/app?tag=" not in str(outline(browser, "/repos/app").links)


@pytest.mark.parametrize("entry", list(entries()), ids=lambda entry: entry.key)
def test_the_timeline_labels_each_entry(process: MemoryProcess, browser: TestClient, entry: TimelineEntry) -> None:
    process.board.happened = (replace(entry, watch="app"),)
    page = outline(browser, "/repos/app")
    assert wording.entry_title(entry) in page.text
    assert wording.visible(entry.message).replace("/", "/ ") in page.text.replace("/", "/ ").replace("/  ", "/ ")
    (line,) = (each for tag, each in page.elements if tag == "li" and each.get("class") == wording.entry_tone(entry))
    assert line


def test_a_decision_shows_how_it_was_found_and_how_often_it_was_repeated(
    process: MemoryProcess, browser: TestClient
) -> None:
    process.board.happened = tuple(
        each for each in entries() if each.key in ("dup_to_date", "deploys", "polled", "h", "r")
    )
    page = outline(browser, "/repos/app")
    for expected in (
        "found by a webhook",
        "found by polling",
        "unchanged in 3 checks",
        "Up to date",
        "Deploys",
        "Webhook",
    ):
        assert expected in page.text
    assert f"/rollouts/{SUMMARY.rollout_id}" in page.links
    assert f"/deliveries/{UUID(int=21)}" in page.links


def test_older_entries_have_a_link_and_an_invalid_position_is_the_newest(
    process: MemoryProcess, browser: TestClient
) -> None:
    (one,) = (each for each in entries() if each.key == "r")
    process.board.happened = tuple(
        replace(one, key=f"k{number:03}", at=NOW - timedelta(minutes=number), message=f"event {number:03}")
        for number in range(ENTRIES + 5)
    )
    first = outline(browser, "/repos/app")
    assert "event 000" in first.text
    assert f"event {ENTRIES:03}" not in first.text
    older = outline(browser, first.link("/repos/app?before="))
    assert f"event {ENTRIES:03}" in older.text
    assert "event 000" not in older.text
    assert not [link for link in older.links if "before=" in link]
    for garbage in ("nonsense", "2026-01-02", "%00", "2026-01-02T03:04:05 x"):
        assert "event 000" in outline(browser, f"/repos/app?before={garbage}").text


def test_a_new_watch_shows_that_nothing_happened_yet(process: MemoryProcess, browser: TestClient) -> None:
    show(
        process,
        watch("app", **NEVER_CHECKED, tags_read_at=None),
    )
    text = outline(browser, "/repos/app").text
    for expected in (
        "Not checked yet",
        "its first check comes with the next poll",
        "None yet. The first check decides",
        "Nothing has happened yet",
        "not yet, how many is not known yet",
        "Desired not known yet",
        "unknown",
    ):
        assert expected in text
    for unsaid in ("nothing", "0 tags", "up to date"):
        assert unsaid not in text, unsaid


def test_a_watch_without_any_tag_differs_from_one_that_was_not_checked(
    process: MemoryProcess, browser: TestClient
) -> None:
    show(process, watch("app", reason=HoldReason.NO_MATCHING_TAG, desired="", desired_digest="", tags=()))
    text = outline(browser, "/repos/app").text
    assert "Desired nothing" in text
    assert "0 tags" in text


def test_an_outage_before_the_first_check_says_what_is_not_known(process: MemoryProcess, browser: TestClient) -> None:
    outage = Outage(problem="connection refused", since=NOW)
    show(process, watch("app", decision=None, rollout=None, desired="", tags_read_at=None, registry_outage=outage))
    text = outline(browser, "/repos/app").text
    assert "Desired not known yet" in text
    assert "connection refused" in text


def test_a_repository_links_to_its_job_in_nomad(process: MemoryProcess, browser: TestClient) -> None:
    process.settings = MemorySettings(nomad_ui="https://nomad.example")
    assert "https://nomad.example/ui/jobs/web@default" in outline(browser, "/repos/app").links
