"""Rights of tokens: capabilities by namespace, rotation, expiry, and the operator's switch.

See docs/nomad.md, section 3.
"""

from typing import Any

import httpx
import pytest

from app.simulators.nomad import Simulator, sample_job
from app.simulators.nomad.job_writes import DISABLED

MANAGEMENT = "11111111-0000-0000-0000-000000000001"
CLIENT = "11111111-0000-0000-0000-000000000002"
COARSE = ["list-jobs", "read-job", "submit-job"]


@pytest.fixture
def simulator() -> Simulator:
    simulator = Simulator(token=MANAGEMENT, parse=lambda text, variables: sample_job("parsed", "app:v1"))
    simulator.seed(sample_job("web", "app:v1", namespace="apps", canary=1))
    return simulator


def ask(agent: httpx.Client, method: str, path: str, **more: Any) -> tuple[int, str]:
    token = more.pop("token", CLIENT)
    params = {"namespace": "apps", **more.pop("params", {})}
    reply = agent.request(method, path, headers={"X-Nomad-Token": token} if token else {}, params=params, **more)
    return reply.status_code, reply.text


WRITES = {
    "register": ("POST", "/v1/jobs", {"Job": sample_job("web", "app:v2", namespace="apps")}),
    "plan": ("POST", "/v1/job/web/plan", {"Job": sample_job("web", "app:v2", namespace="apps")}),
    "revert": ("POST", "/v1/job/web/revert", {"JobID": "web", "JobVersion": 0}),
    "parse": ("POST", "/v1/jobs/parse", {"JobHCL": 'job "parsed" {}'}),
    "stop": ("DELETE", "/v1/job/web", None),
}
FINE = {"register": "register-job", "plan": "plan-job", "revert": "revert-job", "parse": "parse-job",
        "stop": "deregister-job"}  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
def test_each_write_needs_its_own_capability_or_submit_job(
    agent: httpx.Client, simulator: Simulator, write: str
) -> None:
    method, path, body = WRITES[write]
    others = [fine for name, fine in FINE.items() if name != write]
    simulator.add_token(CLIENT, {"apps": ["read-job", "list-jobs", *others]})
    assert ask(agent, method, path, json=body) == (403, "Permission denied")
    for granted in (FINE[write], "submit-job"):
        simulator.add_token(CLIENT, {"apps": [granted]})
        assert ask(agent, method, path, json=body)[1] != "Permission denied"


def test_a_deployment_is_judged_by_its_own_namespace(agent: httpx.Client, simulator: Simulator) -> None:
    simulator.seed(sample_job("other", "app:v1", namespace="secret"))
    with simulator.at_work() as world:
        hidden = next(row.id for row in world.deployments.values() if row.namespace == "secret")
        ours = next(row.id for row in world.deployments.values() if row.namespace == "apps")
    simulator.add_token(CLIENT, {"apps": ["read-job", "promote-deployment"]})
    assert ask(agent, "GET", f"/v1/deployment/{hidden}") == (404, "deployment not found")
    assert ask(agent, "GET", f"/v1/deployment/{ours}", params={"namespace": "default"}) == (403, "Permission denied")
    promote = {"DeploymentID": ours, "All": True}
    assert ask(agent, "PUT", f"/v1/deployment/promote/{ours}", json=promote)[1] == "can't promote terminal deployment"
    assert ask(agent, "PUT", f"/v1/deployment/fail/{ours}") == (403, "Permission denied")


def test_lists_of_all_namespaces_show_what_the_token_may_see(agent: httpx.Client, simulator: Simulator) -> None:
    simulator.seed(sample_job("other", "app:v1", namespace="secret"))
    simulator.add_token(CLIENT, {"app*": COARSE})
    everywhere = {"namespace": "*"}
    headers = {"X-Nomad-Token": CLIENT}
    assert [job["ID"] for job in agent.get("/v1/jobs", params=everywhere, headers=headers).json()] == ["web"]
    shown = agent.get("/v1/deployments", params=everywhere, headers=headers).json()
    assert {row["Namespace"] for row in shown} == {"apps"}
    assert agent.get("/v1/jobs", params={"namespace": "secret"}, headers=headers).status_code == 403


def test_logs_need_read_logs(agent: httpx.Client, simulator: Simulator) -> None:
    with simulator.at_work() as world:
        path = f"/v1/client/fs/logs/{next(iter(world.allocations))}"
    params = {"task": "server", "type": "stderr", "plain": "true"}
    simulator.add_token(CLIENT, {"apps": COARSE})
    assert ask(agent, "GET", path, params=params) == (403, "Permission denied")
    simulator.add_token(CLIENT, {"apps": [*COARSE, "read-logs"]})
    assert ask(agent, "GET", path, params=params) == (200, "")


def test_a_token_is_refused_once_it_expired_or_was_rotated(agent: httpx.Client, simulator: Simulator) -> None:
    simulator.add_token(CLIENT, {"apps": COARSE}, seconds=60)
    assert ask(agent, "GET", "/v1/job/web")[0] == 200
    simulator.skip(61)
    assert ask(agent, "GET", "/v1/job/web") == (403, "Permission denied")
    simulator.add_token(CLIENT, {"apps": COARSE})
    assert ask(agent, "GET", "/v1/job/web")[0] == 200
    agent.delete(f"/simulator/tokens/{CLIENT}")
    assert ask(agent, "GET", "/v1/job/web") == (403, "Permission denied")


@pytest.mark.parametrize(
    ("token", "status", "text_part"),
    [
        (MANAGEMENT, 200, "management"),
        (CLIENT, 200, "client"),
        ("", 200, "anonymous"),
        ("99999999-0000-0000-0000-000000000009", 403, "Permission denied"),
        ("garbage", 500, "failed to parse signed token"),
    ],
)
def test_a_token_may_read_itself(
    agent: httpx.Client, simulator: Simulator, token: str, status: int, text_part: str
) -> None:
    simulator.add_token(CLIENT, {"apps": COARSE})
    found, text = ask(agent, "GET", "/v1/acl/token/self", token=token)
    assert (found, text_part in text) == (status, True)


def test_policies_and_tokens_are_made_through_the_api(agent: httpx.Client) -> None:
    rules = 'namespace "apps" {\n  policy = "read"\n  capabilities = ["read-logs"]\n}\n'
    ask(agent, "POST", "/v1/acl/policy/read", token=MANAGEMENT, json={"Name": "read", "Rules": rules})
    headers = {"X-Nomad-Token": MANAGEMENT}
    posted = {"Name": "t", "Type": "client", "Policies": ["read"], "ExpirationTTL": "1m"}
    made = agent.post("/v1/acl/token", json=posted, headers=headers).json()
    assert ask(agent, "GET", "/v1/job/web", token=made["SecretID"])[0] == 200
    assert ask(agent, "POST", "/v1/jobs", token=made["SecretID"], json=WRITES["register"][2])[0] == 403
    assert ask(agent, "POST", "/v1/acl/token", token=made["SecretID"], json=posted)[0] == 403
    agent.delete(f"/v1/acl/token/{made['AccessorID']}", headers=headers)
    assert ask(agent, "GET", "/v1/job/web", token=made["SecretID"]) == (403, "Permission denied")


def test_disabled_registrations_stop_all_but_management(agent: httpx.Client, simulator: Simulator) -> None:
    simulator.add_token(CLIENT, {"apps": COARSE})
    body = WRITES["register"][2]
    config = {**simulator.scheduler, "RejectJobRegistration": True}
    ask(agent, "PUT", "/v1/operator/scheduler/configuration", token=MANAGEMENT, json=config)
    assert ask(agent, "POST", "/v1/jobs", json=body) == (403, DISABLED)
    assert ask(agent, "POST", "/v1/job/web/plan", json=WRITES["plan"][2])[0] == 200
    assert ask(agent, "POST", "/v1/jobs", token=MANAGEMENT, json=body)[0] == 200
    agent.put("/simulator/registrations", json={"rejected": False})
    assert ask(agent, "POST", "/v1/jobs", json=body)[0] == 200
