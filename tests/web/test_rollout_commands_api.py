"""Promote, fail, roll back, release and plan over HTTP: shapes, statuses, and refusals with thing and fix."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from app.domain.deployment import DeploymentPhase
from app.domain.job import Preview
from app.domain.rollout import OutcomeKind
from app.errors import (
    JobChanged,
    JobRejected,
    NomadDenied,
    NomadUnavailable,
    RegistryDenied,
    RegistryUnavailable,
    StoreUnavailable,
)
from app.refusals.process import DEPLOYMENT, UNDERWAY
from app.services.commands.watch_commands import Released
from app.services.rollout.rollouts import CanaryCommand
from tests.fakes.registry import digest_of
from tests.web.process import MemoryProcess
from tests.web.values import PAST, SUMMARY

PATH = f"/rollouts/{SUMMARY.rollout_id}"
OTHER = UUID(int=77)


def refused(client: TestClient, path: str) -> str:
    """The message of a 409."""
    answer = client.post(path)
    assert answer.status_code == 409
    assert set(answer.json()) == {"message"}
    message: str = answer.json()["message"]
    return message


@pytest.mark.parametrize("way", ["promote", "fail"])
def test_a_canary_command_is_stored_and_wakes_its_rollout(process: MemoryProcess, client: TestClient, way: str) -> None:
    answer = client.post(f"{PATH}/{way}")
    assert answer.status_code == 200
    assert answer.json()["rollout_id"] == str(SUMMARY.rollout_id)
    assert "app v1.1.0" in answer.json()["message"]
    assert process.rollout_commands.canary_commands == [(CanaryCommand(way), "")]
    assert process.waker.wakes == [("follow", str(SUMMARY.rollout_id))]


@pytest.mark.parametrize("way", ["promote", "fail"])
def test_the_same_canary_command_again_gets_the_same_answer(
    process: MemoryProcess, client: TestClient, way: str
) -> None:
    first = client.post(f"{PATH}/{way}").json()
    process.rollout_commands.found = replace(UNDERWAY, canary_command=CanaryCommand(way))
    assert client.post(f"{PATH}/{way}").json() == first
    assert len(process.rollout_commands.canary_commands) == 1


def test_canaries_that_are_not_all_healthy_are_not_promoted(process: MemoryProcess, client: TestClient) -> None:
    waiting = replace(DEPLOYMENT, canaries=2, healthy=1, awaits_promotion=False)
    process.rollout_commands.found = replace(UNDERWAY, deployment=waiting)
    assert "its canaries are not all healthy yet: 1 of 2" in refused(client, f"{PATH}/promote")
    assert client.post(f"{PATH}/fail").status_code == 200


def test_a_rollout_without_canaries_is_not_promoted(process: MemoryProcess, client: TestClient) -> None:
    process.rollout_commands.found = replace(
        UNDERWAY, deployment=replace(DEPLOYMENT, canaries=0, awaits_promotion=False)
    )
    assert "no canaries" in refused(client, f"{PATH}/promote")
    process.rollout_commands.found = replace(UNDERWAY, deployment=replace(DEPLOYMENT, awaits_promotion=False))
    assert "goes on by itself" in refused(client, f"{PATH}/promote")
    assert process.rollout_commands.canary_commands == []


@pytest.mark.parametrize("way", ["promote", "fail"])
def test_only_a_deployment_in_progress_takes_commands(process: MemoryProcess, client: TestClient, way: str) -> None:
    process.rollout_commands.found = replace(UNDERWAY, outcome=OutcomeKind.NEXT_LAUNCH)
    assert "has ended (effective at next launch)" in refused(client, f"{PATH}/{way}")
    process.rollout_commands.found = replace(UNDERWAY, registered=False)
    assert "not registered with Nomad yet" in refused(client, f"{PATH}/{way}")
    process.rollout_commands.found = replace(UNDERWAY, deployment=None)
    assert "no Nomad deployment" in refused(client, f"{PATH}/{way}")
    process.rollout_commands.found = replace(UNDERWAY, deployment=replace(DEPLOYMENT, phase=DeploymentPhase.FAILED))
    assert "has ended" in refused(client, f"{PATH}/{way}")
    process.rollout_commands.found, process.rollout_commands.superseded = UNDERWAY, True
    assert "has ended" in refused(client, f"{PATH}/{way}")
    assert process.waker.wakes == []


@pytest.mark.parametrize("way", ["promote", "fail", "rollback"])
@pytest.mark.parametrize("identifier", ["nonsense", str(OTHER)])
def test_an_unknown_rollout_takes_no_command(client: TestClient, way: str, identifier: str) -> None:
    answer = client.post(f"/rollouts/{identifier}/{way}")
    assert answer.status_code == 404
    assert "GET /rollouts" in answer.json()["message"]


@pytest.mark.parametrize("way", ["promote", "fail", "rollback"])
def test_commands_on_rollouts_are_503_while_postgres_is_away(
    process: MemoryProcess, client: TestClient, way: str
) -> None:
    process.rollout_commands.outage = StoreUnavailable("Postgres cannot be used now")
    assert client.post(f"{PATH}/{way}").status_code == 503


def test_a_rollback_is_answered_with_its_own_rollout(process: MemoryProcess, client: TestClient) -> None:
    answer = client.post(f"{PATH}/rollback")
    assert answer.json() == {"message": "Rolling back to app v1.0.0", "rollout_id": str(UUID(int=8))}
    ((destination,),) = process.rollout_commands.rollbacks
    assert (destination.tag, destination.digest) == ("v1.0.0", digest_of("v1.0.0"))
    assert process.waker.wakes == [("reconcile", "1"), ("notify", "5")]


def test_an_earlier_rollout_can_be_rolled_back_to(process: MemoryProcess, client: TestClient) -> None:
    (brought,) = PAST.items
    process.rollout_commands.known = replace(PAST, newest=OTHER, items=(replace(brought, running=digest_of("v1.2.0")),))
    assert client.post(f"{PATH}/rollback").json()["message"] == "Rolling back to app v1.1.0"


def test_a_second_rollback_gets_the_same_answer(process: MemoryProcess, client: TestClient) -> None:
    process.rollout_commands.known = replace(PAST, undone_by_rollout=OTHER, undoing="app v1.0.0")
    assert client.post(f"{PATH}/rollback").json() == {"message": "Rolling back to app v1.0.0", "rollout_id": str(OTHER)}
    assert process.rollout_commands.rollbacks == []


@pytest.mark.parametrize(
    ("fields", "brought", "message"),
    [
        ({"undone_by_rollout": OTHER}, {}, f"POST /rollouts/{OTHER}/rollback"),
        ({"registered": False, "newest": None}, {}, "never registered"),
        ({"newest": OTHER, "outcome": OutcomeKind.FAILED}, {}, "did not succeed"),
        ({"newest": OTHER, "outcome": None}, {}, "did not succeed"),
        ({"newest": OTHER}, {}, "app v1.1.0 already runs"),
        ({}, {"running": digest_of("v1.0.0")}, "app v1.0.0 already runs"),
        ({}, {"watch": None}, "left the configuration"),
        ({}, {"from_tag": "", "from_digest": ""}, "not known what app ran"),
        ({}, {"from_tag": "", "from_digest": digest_of("gone")}, f"no longer has app {digest_of('gone')}"),
    ],
)
def test_an_impossible_rollback_names_the_cause(
    process: MemoryProcess, client: TestClient, fields: dict[str, Any], brought: dict[str, Any], message: str
) -> None:
    process.rollout_commands.known = replace(PAST, items=(replace(PAST.items[0], **brought),), **fields)
    assert message in refused(client, f"{PATH}/rollback")
    assert process.rollout_commands.rollbacks == []
    assert process.waker.wakes == []


@pytest.mark.parametrize("outage", [RegistryUnavailable("outages"), RegistryDenied("wrong password")])
def test_a_registry_outage_refuses_a_rollback(process: MemoryProcess, client: TestClient, outage: Exception) -> None:
    process.registries.outage = outage
    assert client.post(f"{PATH}/rollback").status_code == 503
    assert process.rollout_commands.rollbacks == []


def test_a_rollback_that_another_rollout_superseded_is_refused(process: MemoryProcess, client: TestClient) -> None:
    process.rollout_commands.superseded = True
    assert "try again" in refused(client, f"{PATH}/rollback")


def test_a_release_names_the_released_holds(process: MemoryProcess, client: TestClient) -> None:
    process.watch_commands.released = Released(state="", failed=("v1.2.0 sha256:a",), rolled_back=True, due=(1, 2))
    answer = client.post("/repos/team/app/release-hold")
    assert answer.json() == {
        "message": "v1.2.0 sha256:a may be tried again; what was rolled back may be deployed again"
    }
    assert process.waker.wakes == [("reconcile", "1"), ("reconcile", "2")]


def test_a_release_without_a_hold_names_the_state(process: MemoryProcess, client: TestClient) -> None:
    assert "v1.1.0 runs" in refused(client, "/repos/app/release-hold")
    process.watch_commands.released = Released(state="")
    assert "not checked yet" in refused(client, "/repos/app/release-hold")
    assert client.post("/repos/nobody/release-hold").status_code == 400
    assert process.waker.wakes == []


def test_a_plan_shows_the_changes_and_stores_nothing(process: MemoryProcess, client: TestClient) -> None:
    process.deployer.plan = Preview(
        lines=("image",), updates={"web": "1 destructive update"}, unplaced="no node", warnings="odd"
    )
    answer = client.post("/tags/app?plan=true", json={"pinned_tag": "v1.1.0"})
    assert answer.status_code == 200
    assert answer.json() == {
        "message": "Would deploy v1.1.0",
        "changes": {
            "web/server": {
                "from": "registry.example/team/app:v1.0.0",
                "to": f"registry.example/team/app:v1.1.0@{digest_of('v1.1.0')}",
            }
        },
        "plan": {
            "allowed": True,
            "lines": ["image"],
            "updates": {"web": "1 destructive update"},
            "unplaced": "no node",
            "warnings": "odd",
            "drift": [],
        },
    }
    assert process.watch_commands.commands == []
    assert process.waker.wakes == []
    assert [patch.expected_index for patch in process.deployer.patches] == [7]


def test_a_reset_can_be_planned(process: MemoryProcess, client: TestClient) -> None:
    answer = client.post("/tags/app/reset?plan=true")
    assert answer.json()["message"] == "Would deploy v1.1.0"
    assert process.watch_commands.commands == []


def test_a_plan_shows_foreign_changes_and_a_token_that_may_not_plan(process: MemoryProcess, client: TestClient) -> None:
    process.deployer.plan = Preview(foreign=("web: count 1 to 2",))
    drifted = client.post("/tags/app?plan=true", json={"pinned_tag": "v1.1.0"}).json()
    assert "would not be registered" in drifted["message"]
    assert drifted["plan"]["drift"] == ["web: count 1 to 2"]
    process.deployer.plan = Preview(allowed=False)
    denied = client.post("/tags/app?plan=true", json={"pinned_tag": "v1.1.0"}).json()
    assert denied["plan"]["allowed"] is False
    assert "web/server" in denied["changes"]
    assert "may not plan" in denied["message"]


def test_a_plan_without_a_change_calls_no_nomad(process: MemoryProcess, client: TestClient) -> None:
    toggled = client.post("/tags/app?plan=true", json={"auto_deploy": True}).json()
    assert (toggled["changes"], toggled["plan"]["lines"]) == ({}, [])
    process.registries.images = {"team/app": {"test": digest_of("test")}}
    assert "no release" in client.post("/tags/app/reset?plan=true").json()["message"]
    assert process.deployer.patches == []


@pytest.mark.parametrize("query", ["plan=yes", "plan=", "plan=True", "plan=true&plan=true", "plan=true&plan=false"])
def test_an_invalid_plan_parameter_is_refused(process: MemoryProcess, client: TestClient, query: str) -> None:
    for path in (f"/tags/app?{query}", f"/tags/app/reset?{query}"):
        answer = client.post(path, json={"pinned_tag": "v1.1.0"})
        assert answer.status_code == 400
        assert "plan=true or plan=false" in answer.json()["message"]
    assert process.watch_commands.commands == []


def test_plan_false_is_an_ordinary_command(process: MemoryProcess, client: TestClient) -> None:
    assert "rollout_id" in client.post("/tags/app?plan=false", json={"pinned_tag": "v1.1.0"}).json()
    assert len(process.watch_commands.commands) == 1


def test_a_plan_validates_as_the_command_does(process: MemoryProcess, client: TestClient) -> None:
    assert client.post("/tags/app?plan=true", content=b"{}").status_code == 400
    assert client.post("/tags/app?plan=true", json={"pinned_tag": "v9.9.9"}).status_code == 400
    assert client.post("/tags/nobody?plan=true", json={"pinned_tag": "v1.1.0"}).status_code == 400
    process.registries.outage = RegistryUnavailable("outages")
    assert client.post("/tags/app?plan=true", json={"pinned_tag": "v1.1.0"}).status_code == 503


def test_a_job_that_cannot_be_deployed_cannot_be_planned(process: MemoryProcess, client: TestClient) -> None:
    process.deployer.job = None
    answer = client.post("/tags/app?plan=true", json={"pinned_tag": "v1.1.0"})
    assert answer.status_code == 409
    assert answer.json()["message"].startswith("job web is not in Nomad; register it once")


@pytest.mark.parametrize(
    ("outage", "status"),
    [
        (NomadUnavailable("outages"), 503),
        (NomadDenied("no"), 503),
        (JobChanged("moved"), 503),
        (JobRejected("bad"), 400),
    ],
)
def test_nomads_errors_have_their_status(
    process: MemoryProcess, client: TestClient, outage: Exception, status: int
) -> None:
    process.deployer.outage = outage
    answer = client.post("/tags/app?plan=true", json={"pinned_tag": "v1.1.0"})
    assert (answer.status_code, answer.json()) == (status, {"message": str(outage)})
