"""Confirmations: a page shows the effect and changes nothing; its form runs the action once, and shows the result."""

import json
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient

from app.domain.decision import HoldReason
from app.domain.rollout import Origin, OutcomeKind
from app.errors import NomadUnavailable, StoreUnavailable
from app.refusals.process import DEPLOYMENT, UNDERWAY
from app.services.commands.watch_commands import Released
from app.services.rollout.rollouts import CanaryCommand
from tests.fakes.registry import digest_of
from tests.web.outline import Outline, outline
from tests.web.process import MemoryProcess
from tests.web.samples import HOSTILE, WAITING, full_process, view
from tests.web.values import DECISION, NOW, PAST, SUMMARY, WATCH

ID = SUMMARY.rollout_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A confirmation: its path, the page it returns to, and its texts before and after the action."""

    path: str
    back: str
    before: str
    after: str


CASES = (
    Case(path="/confirm/reset/app", back="/repos/app", before="It will follow releases", after="Deploying to v1.1.0"),
    Case(path="/confirm/switch-on/app", back="/repos/app", before="deployed automatically", after="set to true"),
    Case(path="/confirm/switch-off/app", back="/repos/app", before="updates are held", after="set to false"),
    Case(path="/confirm/release/app", back="/repos/app", before="it may be deployed again", after="may be tried again"),
    Case(
        path=f"/confirm/promote/{ID}", back=f"/rollouts/{ID}", before="1 of 1 canaries are healthy", after="Promoting"
    ),
    Case(path=f"/confirm/fail/{ID}", back=f"/rollouts/{ID}", before="marked as failed", after="Failing the deployment"),
    Case(
        path=f"/confirm/rollback/{ID}",
        back=f"/rollouts/{ID}",
        before="Would roll back to app v1.0.0",
        after="Rolling back",
    ),
    Case(
        path="/confirm/pause", back="/", before="Nothing is deployed automatically for the one watch", after="is paused"
    ),
    Case(path="/confirm/resume", back="/", before="updates held by the pause", after="is running"),
)
EACH = pytest.mark.parametrize("case", CASES, ids=lambda each: each.path.split("/")[2])


@pytest.fixture
def process() -> MemoryProcess:
    """A process in which every action is possible."""
    process = MemoryProcess()
    held = replace(WATCH, failed=(digest_of("v1.2.0"),))
    process.queries.known = process.board.known = (held,)
    process.queries.ended = (view(replace(WAITING, rollout_id=ID)),)
    process.watch_commands.released = Released(state="", failed=("v1.2.0 sha256:abc",))
    return process


def changes(process: MemoryProcess) -> list[object]:
    """Every change in any store."""
    return [
        *process.watch_commands.commands,
        *process.watch_commands.checked,
        *process.rollout_commands.canary_commands,
        *process.rollout_commands.rollbacks,
        *process.waker.wakes,
    ]


def form() -> dict[str, str]:
    return {"idempotency_key": str(uuid4())}


@EACH
def test_a_confirmation_page_shows_the_effect_and_changes_nothing(
    process: MemoryProcess, browser: TestClient, case: Case
) -> None:
    page = outline(browser, case.path)
    assert case.before in page.text
    act = page.form(case.path)
    assert act.method == "post"
    assert UUID(dict(act.fields)["idempotency_key"])
    assert case.back in page.links
    assert changes(process) == []
    assert not process.watch_commands.paused


@EACH
def test_a_browser_is_redirected_and_shown_the_result_once(
    process: MemoryProcess, browser: TestClient, case: Case
) -> None:
    process.watch_commands.paused = case.path == "/confirm/resume"
    answer = browser.post(case.path, data=form())
    assert (answer.status_code, answer.headers["Location"]) == (303, case.back)
    assert case.after in outline(browser, case.back).text
    assert case.after not in outline(browser, case.back).text.replace("Everything is paused for", "")


@EACH
def test_a_script_gets_the_result_for_the_place_beside_the_button(
    process: MemoryProcess, script: TestClient, case: Case
) -> None:
    process.watch_commands.paused = case.path == "/confirm/resume"
    answer = script.post(case.path, data=form())
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["HX-Trigger"].isascii()
    assert case.after in json.loads(answer.headers["HX-Trigger"])["flash"]["message"]
    assert "set-cookie" not in answer.headers


@EACH
def test_another_site_cannot_send_the_confirmation(process: MemoryProcess, browser: TestClient, case: Case) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert browser.post(case.path, data=form(), headers=headers).status_code == 403
    assert changes(process) == []
    assert browser.post(case.path, data=form(), headers={"Origin": "http://localhost:8080"}).status_code == 303


@EACH
def test_an_invalid_form_changes_nothing(process: MemoryProcess, script: TestClient, case: Case) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for answer in (
        script.post(case.path, json=form()),
        script.post(case.path, content=b"", headers={"Content-Type": "text/plain"}),
    ):
        assert answer.status_code == 415
        assert "send Content-Type" in answer.text
    for body in (
        b"idempotency_key=%ff",
        b"idempotency_key=\xff",
        b"a=1&a=2",
        b"&".join(b"a%d=1" % n for n in range(60)),
    ):
        refused = script.post(case.path, content=body, headers=kind)
        assert refused.status_code == 400
        assert "the form" in refused.text
    assert script.post(case.path, content=b"a=" + b"x" * 70_000, headers=kind).status_code == 413
    assert changes(process) == []


@pytest.mark.parametrize("path", ["/confirm/reset/app", f"/confirm/rollback/{ID}"])
def test_a_deploying_action_needs_an_idempotency_key_and_counts_once(
    process: MemoryProcess, script: TestClient, path: str
) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"", b"idempotency_key=", b"idempotency_key=nonsense"):
        assert script.post(path, content=body, headers=kind).status_code == 400
    assert changes(process) == []
    sent = form()
    first, second = (script.post(path, data=sent) for _ in range(2))
    assert first.headers["HX-Trigger"] == second.headers["HX-Trigger"]
    assert len(process.watch_commands.commands) + len(process.rollout_commands.rollbacks) == 1


@pytest.mark.parametrize("path", ["reset", "switch-on", "switch-off", "release"])
def test_an_unknown_repository(browser: TestClient, script: TestClient, path: str) -> None:
    assert "nobody" in outline(browser, f"/confirm/{path}/nobody", status=404).text
    assert script.post(f"/confirm/{path}/nobody", data=form()).status_code == 400


@pytest.mark.parametrize("path", ["promote", "fail", "rollback"])
@pytest.mark.parametrize("identifier", ["nonsense", str(UUID(int=77))])
def test_an_unknown_rollout(browser: TestClient, script: TestClient, path: str, identifier: str) -> None:
    assert "no such rollout" in outline(browser, f"/confirm/{path}/{identifier}", status=404).text
    assert script.post(f"/confirm/{path}/{identifier}", data=form()).status_code == 404


def test_a_refusal_is_shown_on_the_confirmation_page_again(
    process: MemoryProcess, browser: TestClient, script: TestClient
) -> None:
    process.watch_commands.released = Released(state="v1.1.0 runs")
    answer = browser.post("/confirm/release/app", data=form())
    page = Outline(answer.text)
    assert answer.status_code == 409
    assert "No hold of app waits for a release" in page.text
    assert page.form("/confirm/release/app")
    beside = script.post("/confirm/release/app", data=form())
    assert (beside.status_code, beside.headers["content-type"]) == (409, "text/plain; charset=utf-8")
    assert beside.text.startswith("No hold of app waits for a release")


def test_a_confirmation_is_503_while_postgres_is_away(
    process: MemoryProcess, browser: TestClient, script: TestClient
) -> None:
    process.watch_commands.outage = process.queries.outage = process.board.outage = StoreUnavailable("Postgres is away")
    assert script.post("/confirm/reset/app", data=form()).status_code == 503
    answer = browser.post("/confirm/reset/app", data=form())
    assert answer.status_code == 503
    assert "Postgres is away" in Outline(answer.text).text


def test_a_command_without_a_preview_can_be_confirmed(process: MemoryProcess, browser: TestClient) -> None:
    process.deployer.outage = NomadUnavailable("Nomad is away")
    page = outline(browser, "/confirm/reset/app")
    assert "No preview is available now: Nomad is away" in page.text
    assert browser.post("/confirm/reset/app", data=form()).status_code == 303


def buttons(page: Outline) -> list[str]:
    """The ids of the page's buttons that do something."""
    return [attributes.get("id", "") for tag, attributes in page.elements if tag == "button"]


def test_release_without_a_hold_has_no_button_and_says_why(process: MemoryProcess, browser: TestClient) -> None:
    process.queries.known = (WATCH,)
    page = outline(browser, "/confirm/release/app")
    assert "No hold of app waits for a person: v1.1.0 runs." in page.text
    assert "do" not in buttons(page)
    process.queries.known = (replace(WATCH, decision=None),)
    assert "it was not checked yet" in outline(browser, "/confirm/release/app").text
    changed = replace(DECISION, reason=HoldReason.DRIFTED)
    process.queries.known = (replace(WATCH, rolled_back_at=NOW, decision=changed),)
    text = outline(browser, "/confirm/release/app").text
    assert "A person rolled back" in text
    assert "drift" in text


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"outcome": OutcomeKind.SUCCEEDED}, "has ended (succeeded)"),
        ({"registered": False}, "is not registered with Nomad yet"),
        ({"deployment": None}, "has no Nomad deployment (yet)"),
    ],
)
@pytest.mark.parametrize("action", ["promote", "fail"])
def test_promote_and_fail_have_no_button_when_there_is_nothing_to_do(
    process: MemoryProcess, browser: TestClient, action: str, found: dict[str, Any], reason: str
) -> None:
    process.rollout_commands.found = replace(UNDERWAY, **found)
    page = outline(browser, f"/confirm/{action}/{ID}")
    assert reason in page.text
    assert "do" not in buttons(page)
    assert f"/rollouts/{ID}" in page.links


def test_promote_has_no_button_before_the_canaries_are_healthy(process: MemoryProcess, browser: TestClient) -> None:
    early = replace(DEPLOYMENT, awaits_promotion=False, healthy=0)
    process.rollout_commands.found = replace(UNDERWAY, deployment=early)
    page = outline(browser, f"/confirm/promote/{ID}")
    assert "its canaries are not all healthy yet: 0 of 1" in page.text
    assert "do" not in buttons(page)
    assert "do" in buttons(outline(browser, f"/confirm/fail/{ID}"))


def test_a_rollback_names_its_goal_and_warns_when_that_failed_here(
    process: MemoryProcess, browser: TestClient, script: TestClient
) -> None:
    page = outline(browser, f"/confirm/rollback/{ID}")
    assert "Roll back to v1.0.0" in page.text
    assert "failed on this job before" not in page.text
    (item,) = PAST.items
    process.rollout_commands.known = replace(PAST, items=(replace(item, failed=frozenset({item.from_digest})),))
    assert "app v1.0.0 failed on this job before" in outline(browser, f"/confirm/rollback/{ID}").text
    answer = script.post(f"/rollouts/{ID}/rollback")
    assert "Rolling back to app v1.0.0; app v1.0.0 failed on this job before" in answer.json()["message"]


def test_an_undo_offers_no_rollback(process: MemoryProcess, browser: TestClient) -> None:
    process.rollout_commands.known = replace(PAST, origin=Origin.UNDO)
    page = outline(browser, f"/confirm/rollback/{ID}", status=409)
    assert "undid a failure, and before it ran the image that failed" in page.text


def test_switching_on_names_the_held_update(process: MemoryProcess, browser: TestClient) -> None:
    off = replace(DECISION, reason=HoldReason.AUTO_DEPLOY_OFF)
    process.queries.known = (replace(WATCH, desired="v1.2.0", auto_deploy=False, decision=off, pinned_tag="test"),)
    text = outline(browser, "/confirm/switch-on/app").text
    assert "v1.2.0 is held, and will be deployed at once." in text
    assert "a new push of its tag" in text


def test_the_actor_of_a_confirmation_is_stored(process: MemoryProcess, script: TestClient) -> None:
    script.post(f"/confirm/promote/{ID}", data=form())
    assert process.rollout_commands.canary_commands == [(CanaryCommand.PROMOTE, "")]


def test_a_hostile_watch_name_can_be_confirmed() -> None:
    process = full_process()
    with process.client(Accept="text/html") as browser:
        browser.follow_redirects = False
        path = f"/confirm/switch-off/{quote(HOSTILE)}"
        act = outline(browser, path).form("/confirm/switch-off/")
        assert act.action == path
        answer = browser.post(act.action, data=dict(act.fields))
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/repos/{quote(HOSTILE)}")
    assert [command.watch for command in process.watch_commands.commands] == [HOSTILE]
