"""The predecessor's routes with their exact shapes and refusals."""

from dataclasses import replace
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from app.domain.decision import HoldReason
from app.domain.deployment import Diagnosis, LogTail
from app.errors import RegistryDenied, RegistryUnavailable, StoreUnavailable
from app.refusals.process import DEPLOYMENT
from app.services.commands.watch_commands import Command
from app.services.views.queries import Outage
from tests.web.process import MemoryProcess
from tests.web.values import COMMIT, DECISION, NOW, ROLLOUT, SUMMARY, WATCH


@pytest.mark.parametrize("path", ["/ping", "/ping/"])
def test_ping(client: TestClient, path: str) -> None:
    answer = client.get(path, follow_redirects=False)
    assert (answer.status_code, answer.json()) == (200, {"message": "pong"})


def test_the_tag_is_the_resolved_one(client: TestClient) -> None:
    assert client.get("/tags/app").json() == {"repo_tag": "v1.1.0"}
    assert client.get("/tags/app/").json() == {"repo_tag": "v1.1.0"}


def test_a_watch_that_was_never_reconciled_is_resolved_live(process: MemoryProcess, client: TestClient) -> None:
    process.queries.known = (replace(WATCH, desired="", tags=(), tags_read_at=None),)
    assert client.get("/tags/app").json() == {"repo_tag": "v1.1.0"}
    process.registries.images = {}
    answer = client.get("/tags/app")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("No valid tags for repo app: the registry has no repository ")
    process.registries.images = {"team/app": {}}
    process.registries.push("team/app", "2026.02.0")
    message = client.get("/tags/app").json()["message"]
    assert "its one tag is no release: 2026.02.0 (leading zero)" in message
    process.registries.outage = RegistryUnavailable("it is away")
    assert client.get("/tags/app").status_code == 503


def test_a_watch_without_a_desired_tag_is_refused_without_a_registry_call(
    process: MemoryProcess, client: TestClient
) -> None:
    process.queries.known = (replace(WATCH, desired=""),)
    answer = client.get("/tags/app")
    assert answer.status_code == 400
    assert "push a release" in answer.json()["message"]
    assert process.registries.asked == 0


def test_why_there_is_no_tag_is_what_the_last_check_found(process: MemoryProcess, client: TestClient) -> None:
    why = "the registry has no release tag; its one tag is no release: latest; push X.Y.Z"
    decision = replace(DECISION, reason=HoldReason.NO_MATCHING_TAG, message=why)
    process.queries.known = (replace(WATCH, desired="", decision=decision),)
    assert client.get("/tags/app").json() == {"message": f"No valid tags for repo app: {why}"}


@pytest.mark.parametrize("path", ["/tags/app/reset", "/tags/app/reset?plan=true"])
def test_a_command_says_what_the_registry_has_instead_of_a_release(
    process: MemoryProcess, client: TestClient, path: str
) -> None:
    process.registries.images = {"team/app": {}}
    for minor in range(9):
        process.registries.push("team/app", f"v1.{minor}.0")
    process.registries.unlinked = {f"v1.{minor}.0" for minor in range(3, 9)}
    message = client.post(path).json()["message"]
    assert message.startswith(
        "Following releases; the registry has no manifest for the 6 highest releases of its list: v1.8.0, v1.7.0, "
        "v1.6.0, …; the list is longer, and lower ones are not asked for; "
    )


def test_names_may_contain_slashes(process: MemoryProcess, client: TestClient) -> None:
    process.queries.known = (replace(WATCH, name="team/app"),)
    assert client.get("/tags/team/app").json() == {"repo_tag": "v1.1.0"}
    assert client.get("/tags/team%2Fapp").json() == {"repo_tag": "v1.1.0"}
    assert client.post("/tags/team/app", json={"auto_deploy": True}).status_code == 200
    assert client.post("/tags/team/app/reset").status_code == 200
    assert client.post("/repos/team/app/check").status_code == 200
    assert [command.watch for command in process.watch_commands.commands] == ["team/app", "team/app"]
    assert process.watch_commands.checked == ["team/app"]


def test_a_pin_is_answered_with_its_rollout(process: MemoryProcess, client: TestClient) -> None:
    answer = client.post("/tags/app", json={"pinned_tag": "v1.0.0"})
    assert answer.status_code == 200
    assert answer.json() == {"message": "Deploying to v1.0.0", "rollout_id": "00000000-0000-0000-0000-000000000009"}


def test_a_toggle_is_answered_without_a_rollout(process: MemoryProcess, client: TestClient) -> None:
    answer = client.post("/tags/app", json={"auto_deploy": False})
    assert (answer.status_code, answer.json()) == (200, {"message": "Auto deployment set to false"})
    assert process.watch_commands.commands == [Command(watch="app", by="", auto_deploy=False)]


def test_both_fields_are_one_command(process: MemoryProcess, client: TestClient) -> None:
    client.post("/tags/app", json={"pinned_tag": "test", "auto_deploy": True})
    (command,) = process.watch_commands.commands
    assert (command.pinned_tag, command.auto_deploy) == ("test", True)


def test_the_type_of_the_body_does_not_matter(client: TestClient) -> None:
    answer = client.post(
        "/tags/app", content=' \n{"auto_deploy": true}', headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 200


def test_reset_needs_no_body(process: MemoryProcess, client: TestClient) -> None:
    for body in (b"", b"{}", b"nonsense"):
        assert client.post("/tags/app/reset", content=body).json()["message"] == "Deploying to v1.1.0"
    assert {(command.pinned_tag, command.auto_deploy) for command in process.watch_commands.commands} == {("", True)}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not JSON"),
        (b'{"pinned_tag":"hi", "auto_deploy: "true"}', "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b'\xef\xbb\xbf{"auto_deploy": true}', "not JSON"),
        (b'{"auto_deploy": true} {}', "not JSON"),
        (b"[" * 100_00, "not JSON"),
        (b'{"pinned_tag": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"[]", "a list"),
        (b"null", "null"),
        (b"true", "true or false"),
        (b'"v1.0.0"', "a string"),
        (b"1", "a number"),
        (b"NaN", "a number"),
        (b"{}", "Either pinned_tag or auto_deploy must be specified"),
        (b'{"bet_tag": "hi"}', "bet_tag"),
        (b'{"pinned_tag": "v1.0.0", "bet_tag": "hi"}', "bet_tag"),
        (b'{"Pinned_Tag": "v1.0.0"}', "Pinned_Tag"),
        (b'{"pinned_tag": "v1.0.0", "pinned_tag": "test"}', "stands twice"),
        (b'{"pinned_tag": null}', "pinned_tag is null"),
        (b'{"pinned_tag": 1}', "pinned_tag is a number"),
        (b'{"pinned_tag": true}', "pinned_tag is true or false"),
        (b'{"pinned_tag": ["v1.0.0"]}', "pinned_tag is a list"),
        (b'{"pinned_tag": {}}', "pinned_tag is an object"),
        (b'{"auto_deploy": null}', "auto_deploy is null"),
        (b'{"auto_deploy": "true"}', "auto_deploy is a string"),
        (b'{"auto_deploy": 1}', "auto_deploy is a number"),
        (b'{"auto_deploy": 0.5}', "auto_deploy is a number"),
        (b'{"pinned_tag": "v1.0.0", "auto_deploy": "yes"}', "auto_deploy is a string"),
        (b'{"pinned_tag": "v9.9.9"}', "v9.9.9 is not inside the docker repository registry"),
        (b'{"pinned_tag": " v1.0.0"}', "is not a tag"),
        (b'{"pinned_tag": "\\u0000"}', "is not a tag"),
        (b'{"pinned_tag": "\\ud800"}', "is not a tag"),
    ],
)
def test_an_invalid_rule_change_is_refused_with_the_reason(
    process: MemoryProcess, client: TestClient, body: bytes, message: str
) -> None:
    answer = client.post("/tags/app", content=body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"message"}
    assert message in answer.json()["message"]
    assert process.watch_commands.commands == []


def test_an_unknown_repository_is_named_with_the_fix(process: MemoryProcess, client: TestClient) -> None:
    for answer in (
        client.get("/tags/nonexistent-repo"),
        client.post("/tags/nonexistent-repo", json={"pinned_tag": "v1.0.0"}),
        client.post("/tags/nonexistent-repo/reset"),
        client.post("/repos/nonexistent-repo/check"),
    ):
        assert answer.status_code == 400
        assert "nonexistent-repo" in answer.json()["message"]
        assert "GET /repos" in answer.json()["message"]
    assert process.watch_commands.commands == []


@pytest.mark.parametrize("path", ["/tags/%00", "/repos/a%00b", "/confirm/reset/%00", "/confirm/deploy/%00?tag=v1"])
def test_a_name_with_a_nul_is_unknown_without_a_query(process: MemoryProcess, client: TestClient, path: str) -> None:
    process.queries.outage = process.watch_commands.outage = RuntimeError("invalid byte sequence for encoding")
    answer = client.get(path)
    assert answer.status_code == 400
    assert "not being watched" in answer.json()["message"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_413(process: MemoryProcess, client: TestClient, chunked: bool) -> None:
    body = b'{"pinned_tag": "' + b"x" * 70_000 + b'"}'
    answer = client.post("/tags/app", content=iter([body[:60_000], body[60_000:]]) if chunked else body)
    assert answer.status_code == 413
    assert "message" in answer.json()


@pytest.mark.parametrize("outage", [RegistryUnavailable("outages", retry_after=6.2), RegistryDenied("wrong password")])
def test_a_registry_outage_is_503(process: MemoryProcess, client: TestClient, outage: Exception) -> None:
    process.registries.outage = outage
    answer = client.post("/tags/app", json={"pinned_tag": "v1.0.0"})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) == (7 if isinstance(outage, RegistryUnavailable) else 1)
    assert answer.json() == {"message": str(outage)}
    assert process.watch_commands.commands == []


def test_every_route_with_postgres_is_503_during_its_outage(process: MemoryProcess, client: TestClient) -> None:
    process.watch_commands.outage = process.queries.outage = process.board.outage = StoreUnavailable(
        "Postgres cannot be used now"
    )
    for answer in (
        client.get("/"),
        client.get("/repos"),
        client.get("/tags/app"),
        client.post("/tags/app", json={"auto_deploy": True}),
        client.post("/tags/app/reset"),
        client.get("/rollouts"),
        client.get("/rollouts/00000000-0000-0000-0000-000000000007"),
        client.get("/readyz"),
    ):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert answer.json() == {"message": "Postgres cannot be used now"}
    assert client.get("/ping").status_code == client.get("/healthz").status_code == 200


def test_repos_has_the_old_keys_and_leaves_commit_tags_out(process: MemoryProcess, client: TestClient) -> None:
    answer = client.get("/repos").json()
    assert set(answer) == {"app"}
    old = {key: answer["app"][key] for key in ("auto_deploy", "pinned_tag", "pinned_tag_value", "tags")}
    assert old == {
        "auto_deploy": True,
        "pinned_tag": "",
        "pinned_tag_value": "v1.1.0",
        "tags": ["v1.0.0", "v1.1.0"],
    }
    assert answer["app"]["specified"][0]["tag"] == "v1.1.0"
    assert answer["app"]["decision"]["reason"] == "up_to_date"
    assert answer["app"]["condition"] == "current"
    process.queries.known = (replace(WATCH, decision=None, rollout=None, tags=(), tags_read_at=None),)
    fresh = client.get("/repos").json()["app"]
    assert (fresh["condition"], fresh["decision"], fresh["tags_read_at"]) == ("unchecked", None, None)
    assert answer["app"]["rollout"]["outcome"] == "failed"
    assert COMMIT not in str(answer)


def test_pause_and_resume_report_the_state(process: MemoryProcess, client: TestClient) -> None:
    assert client.post("/pause").json() == {"message": "Everything is paused"}
    assert client.post("/pause").json() == {"message": "Everything is paused already"}
    assert client.post("/resume").json() == {"message": "Everything is running"}


def test_rollouts_are_listed_and_shown(client: TestClient) -> None:
    (listed,) = client.get("/rollouts").json()["rollouts"]
    shown = client.get(f"/rollouts/{listed['rollout_id']}").json()
    assert listed.items() <= shown.items()
    assert shown["outcome"] == "failed"
    assert shown["watches"][0]["tag"] == "v1.1.0"
    assert shown["job"] == {"region": "", "namespace": "default", "job_id": "web"}


@pytest.mark.parametrize("identifier", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_rollout_is_404(client: TestClient, identifier: str) -> None:
    answer = client.get(f"/rollouts/{identifier}")
    assert answer.status_code == 404
    assert "GET /rollouts" in answer.json()["message"]


def test_unknown_paths_and_methods_are_answered_as_json(client: TestClient) -> None:
    assert client.get("/nothing").json() == {"message": "Not Found"}
    answer = client.delete("/repos")
    assert (answer.status_code, answer.json()) == (405, {"message": "Method Not Allowed"})


def test_a_bug_is_500_without_its_details(process: MemoryProcess, client: TestClient) -> None:
    process.queries.outage = ZeroDivisionError("secret inside")
    answer = client.get("/repos")
    assert answer.status_code == 500
    assert "secret inside" not in answer.text


def test_repos_show_holds_and_problems_of_a_watch(process: MemoryProcess, client: TestClient) -> None:
    watch = replace(
        WATCH,
        failed=("sha256:a",),
        rolled_back_at=NOW,
        source_stale="two literals name it",
        missing_image=Outage(problem="gone", since=NOW),
        promote_after=30.0,
        revert_on_failure=False,
    )
    process.queries.known = (watch,)
    found = client.get("/repos").json()["app"]
    assert found["failed"] == ["sha256:a"]
    assert found["rolled_back_at"].startswith("2026-01-02T03:04:05")
    assert found["source_stale"] == "two literals name it"
    assert found["missing_image"]["problem"] == "gone"
    assert (found["promote_after"], found["revert_on_failure"]) == (30.0, False)


def test_a_rollout_shows_its_deployment_and_diagnosis(process: MemoryProcess, client: TestClient) -> None:
    log = LogTail(task="web/server", allocation_id="a1", text="panic")
    diagnosis = Diagnosis(findings=("exit code 1",), logs=(log,))
    waiting = replace(SUMMARY, ended_at=None, deployment=DEPLOYMENT, undoes=UUID(int=3))
    process.queries.ended = (replace(ROLLOUT, summary=waiting, diagnosis=diagnosis),)
    (listed,) = client.get("/rollouts").json()["rollouts"]
    assert listed["awaits_promotion"] is True
    assert (listed["deployment"]["phase"], listed["deployment"]["canaries"]) == ("active", 1)
    assert (listed["undoes"], listed["undone_by"]) == (str(UUID(int=3)), None)
    shown = client.get(f"/rollouts/{SUMMARY.rollout_id}").json()
    assert shown["diagnosis"] == {
        "findings": ["exit code 1"],
        "logs": [{"task": "web/server", "allocation_id": "a1", "text": "panic"}],
        "logs_denied": False,
    }
    assert (shown["watches"][0]["from_tag"], shown["watches"][0]["from_digest"]) == ("", "")
