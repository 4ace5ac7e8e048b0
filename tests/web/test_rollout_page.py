"""A rollout's page: changes, progress, diagnosis and rollback; and which clients get pages."""

from dataclasses import replace
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from app.domain.rollout import OutcomeKind
from app.domain.undo import RollbackOffer
from app.services.views.queries import RolloutSummary
from app.web.render import labels
from tests.fakes.registry import digest_of
from tests.web.outline import outline
from tests.web.process import MemoryProcess, MemorySettings
from tests.web.samples import GOOD, UNDERWAY, WAITING, WHY, view
from tests.web.values import ROLLOUT, SUMMARY

PAGE = f"/rollouts/{SUMMARY.rollout_id}"


def show(process: MemoryProcess, summary: RolloutSummary, **changes: object) -> str:
    process.queries.ended = (view(summary, **changes),)
    return f"/rollouts/{summary.rollout_id}"


def test_a_rollout_page_shows_its_changes_and_actor(browser: TestClient) -> None:
    page = outline(browser, PAGE)
    for expected in ("Failed", SUMMARY.reason, "by a person ( ann )", "team/app:v1.0.0", ROLLOUT.changes["web/server"]):
        assert expected in page.text
    assert "/repos/app" in page.links


@pytest.mark.parametrize("outcome", OutcomeKind)
def test_every_outcome_has_its_label_and_tone(
    process: MemoryProcess, browser: TestClient, outcome: OutcomeKind
) -> None:
    page = outline(browser, show(process, replace(SUMMARY, outcome=outcome)))
    assert labels.OUTCOMES[outcome] in page.text
    assert labels.OUTCOME_TONES[outcome] in page.by_id("now")["class"]


def test_a_failed_rollout_shows_its_diagnosis_and_its_undo(process: MemoryProcess, browser: TestClient) -> None:
    item = replace(ROLLOUT.items[0], from_tag="v1.0.0", from_digest=digest_of("v1.0.0"))
    summary = replace(SUMMARY, undoes=UUID(int=3), undone_by=UUID(int=4))
    page = outline(browser, show(process, summary, items=(item,), diagnosis=WHY, warnings="no update block"))
    for expected in ("Why it failed", "exited with code 1", "<panic> exit 1", "before: v1.0.0", "Nomad warns"):
        assert expected in page.text
    assert {f"/rollouts/{UUID(int=3)}", f"/rollouts/{UUID(int=4)}"} <= set(page.links)


@pytest.mark.parametrize(
    ("summary", "submitted", "offered"),
    [
        (WAITING, True, ["/confirm/promote/", "/confirm/fail/"]),
        (replace(WAITING, deployment=None), True, []),
        (UNDERWAY, False, []),
        (replace(GOOD, rollback=RollbackOffer(goal="v1.0.0")), True, ["/confirm/rollback/"]),
        (GOOD, True, []),
    ],
)
def test_only_possible_actions_are_offered(
    process: MemoryProcess, browser: TestClient, summary: RolloutSummary, submitted: bool, offered: list[str]
) -> None:
    changes = {} if submitted else {"submitted_at": None}
    page = outline(browser, show(process, summary, **changes))
    steering = [link for link in page.links if link.startswith("/confirm/") and link != "/confirm/pause"]
    assert steering == [f"{start}{summary.rollout_id}" for start in offered]


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("text/html", True),
        ("text/html,application/json;q=0.9", True),
        ("application/json", False),
        ("application/json, text/html;q=0.5", False),
        ("*/*", False),
        ("", False),
        ("text/html;q=0", False),
        ("text/html;q=nonsense", False),
    ],
)
@pytest.mark.parametrize("path", [PAGE, "/repos/app", "/activity", "/deliveries", "/nothing", "/rollouts/nonsense"])
def test_html_is_sent_by_the_accept_header(browser: TestClient, path: str, accept: str, html: bool) -> None:
    answer = browser.get(path, headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith("text/html") is html


def test_a_rollout_links_to_its_job_deployments_evaluations_and_allocations_in_nomad(
    process: MemoryProcess, browser: TestClient
) -> None:
    process.settings = MemorySettings(nomad_ui="https://nomad.example")
    page = outline(browser, show(process, WAITING, diagnosis=WHY))
    nomad = "https://nomad.example/ui"
    assert [link for link in page.links if link.startswith(nomad)] == [
        f"{nomad}/jobs/web@default",
        f"{nomad}/jobs/web@default/evaluations",
        f"{nomad}/jobs/web@default/deployments",
        f"{nomad}/allocations/{WHY.logs[0].allocation_id}",
    ]
    process.settings = MemorySettings()
    assert not [link for link in outline(browser, show(process, WAITING, diagnosis=WHY)).links if "nomad" in link]
