"""The optional reason of a command: over HTTP, in the forms of the pages, and where it is shown."""

from dataclasses import replace
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from app.domain.reasons import MAX_REASON
from app.domain.timeline import EntryKind
from app.services.commands.audit import AuditAction
from app.services.commands.watch_commands import Released
from app.services.views.board import TimelineEntry
from tests.fakes.registry import digest_of
from tests.web.outline import outline
from tests.web.process import MemoryProcess
from tests.web.samples import HOSTILE, WAITING, view
from tests.web.values import NOW, SUMMARY, WATCH

ROLLOUT = f"/rollouts/{SUMMARY.rollout_id}"
PATHS = ("/pause", "/resume", "/repos/app/release-hold", f"{ROLLOUT}/fail", f"{ROLLOUT}/rollback")
FORMS = ("pause", "switch-off/app", "release/app", f"fail/{SUMMARY.rollout_id}", f"rollback/{SUMMARY.rollout_id}")


@pytest.fixture
def process() -> MemoryProcess:
    """A process in which every action is possible."""
    process = MemoryProcess()
    process.queries.ended = (view(WAITING), view(SUMMARY))
    process.queries.known = (replace(WATCH, failed=(digest_of("v1.2.0"),)),)
    process.watch_commands.released = Released(state="", failed=("v1.2.0 sha256:abc",))
    return process


def given(process: MemoryProcess) -> list[str]:
    """Every reason that a store was given."""
    stored = [command.reason for command in process.watch_commands.commands]
    return [*process.watch_commands.reasons, *process.rollout_commands.reasons, *stored]


def fields_of(browser: TestClient, path: str) -> dict[str, str]:
    """The fields of the form that deploys."""
    (form,) = (form for form in outline(browser, path).forms if "rule" in dict(form.fields))
    return dict(form.fields)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, ""),
        (b"", ""),
        (b"{}", ""),
        (b'{"reason": ""}', ""),
        (b'{"reason": " the\\n fair "}', "the fair"),
    ],
)
def test_a_command_takes_a_reason_and_needs_none(
    process: MemoryProcess, client: TestClient, path: str, body: bytes | None, reason: str
) -> None:
    process.watch_commands.paused = path == "/resume"
    answer = client.post(path, content=body)
    assert answer.status_code == 200, answer.text
    assert given(process) == [reason]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("body", "fix"),
    [
        (b"[]", 'send {"reason"'),
        (b"{", 'send {"reason"'),
        (b'{"why": "x"}', "unknown key 'why'"),
        (b'{"reason": 1}', "send a string"),
        (b'{"reason": "a", "reason": "b"}', "send it once"),
        (b'{"reason": "%s"}' % (b"x" * (MAX_REASON + 1)), "send a shorter one"),
    ],
)
def test_a_wrong_reason_is_refused_and_nothing_changes(
    process: MemoryProcess, client: TestClient, path: str, body: bytes, fix: str
) -> None:
    answer = client.post(path, content=body)
    assert answer.status_code == 400
    assert fix in answer.json()["message"]
    assert given(process) == []


@pytest.mark.parametrize("rule", [{"pinned_tag": "v1.0.0"}, {"auto_deploy": False}])
def test_a_rule_is_set_with_a_reason_or_as_before(
    process: MemoryProcess, client: TestClient, rule: dict[str, object]
) -> None:
    assert client.post("/tags/app", json=rule).status_code == 200
    assert client.post("/tags/app", json={**rule, "reason": "the fair"}).status_code == 200
    assert given(process) == ["", "the fair"]


def test_a_reason_alone_sets_no_rule(process: MemoryProcess, client: TestClient) -> None:
    answer = client.post("/tags/app", json={"reason": "the fair"})
    assert answer.status_code == 400
    assert "Either pinned_tag or auto_deploy must be specified" in answer.json()["message"]
    assert given(process) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_confirmation_asks_for_a_reason_and_passes_it_on(
    process: MemoryProcess, browser: TestClient, form: str
) -> None:
    path = f"/confirm/{form}"
    assert dict(outline(browser, path).form(path).fields)["reason"] == ""
    answer = browser.post(path, data={"idempotency_key": str(uuid4()), "reason": " the  fair "})
    assert answer.status_code == 303
    assert given(process) == ["the fair"]


@pytest.mark.parametrize("form", FORMS)
def test_a_refused_form_keeps_the_reason(process: MemoryProcess, browser: TestClient, form: str) -> None:
    path, reason = f"/confirm/{form}", "x" * (MAX_REASON + 1)
    browser.headers["Accept"] = "text/html"
    answer = browser.post(path, data={"idempotency_key": str(uuid4()), "reason": reason})
    assert answer.status_code == 400
    assert f'value="{reason}"' in answer.text
    assert "send a shorter one" in answer.text
    assert given(process) == []


def test_a_deploy_that_pins_asks_for_a_reason(process: MemoryProcess, browser: TestClient) -> None:
    path = "/confirm/deploy/app"
    fields = fields_of(browser, f"{path}?tag=v1.0.0")
    assert fields["reason"] == ""
    browser.post(path, data={**fields, "reason": "the fair"})
    assert given(process) == ["the fair"]
    assert "reason" not in fields_of(browser, f"{path}?tag=v1.1.0"), "it leaves the rule as it is"


def test_the_banner_of_the_pause_and_the_timeline_say_why(process: MemoryProcess, browser: TestClient) -> None:
    process.board.paused, process.board.paused_reason = True, HOSTILE
    entry = TimelineEntry(
        at=NOW, kind=EntryKind.COMMAND, key="s1", watch="", message="paused", by="ann", why="the fair",
        action=AuditAction.PAUSE,
    )  # fmt: skip
    process.board.happened = (entry,)
    text = outline(browser, "/activity").text
    assert 'by ann : "><script>' in text
    assert "paused : the fair" in text
    assert browser.get("/activity", headers={"Accept": "application/json"}).json()["entries"][0]["why"] == "the fair"
