"""The source of a job: stored, inherited, and parsed by the HCL parser that the simulator gets."""

import httpx
import pytest

from app.simulators.nomad import JobRegistration, Simulator, sample_job

SOURCE: dict[str, object] = {
    "Source": 'job "web" {}',
    "Format": "hcl2",
    "VariableFlags": {"tag": "v1"},
    "Variables": "",
}


def push(simulator: Simulator, image: str, *, version: int, source: dict[str, object] | None = None) -> None:
    simulator.register(JobRegistration(job=sample_job("web", image, Version=version), submission=source))


def flag(simulator: Simulator, version: int) -> str | None:
    with simulator.at_work():
        stored = simulator.record("web").submissions.get(version)
    return stored["VariableFlags"]["tag"] if stored is not None else None


@pytest.mark.parametrize(
    ("release", "inherited"),
    [("2.0.6", "v2"), ("1.11.4", "v2"), ("1.10.10", "v2"), ("1.11.3", "v1"), ("1.10.9", "v1"), ("1.9.7", "v1")],
)
def test_a_version_without_a_source_inherits_that_of_the_posted_version(release: str, inherited: str) -> None:
    simulator = Simulator(version=release)
    push(simulator, "app:v1", version=0, source=SOURCE)
    push(simulator, "app:v2", version=0, source={**SOURCE, "VariableFlags": {"tag": "v2"}})
    push(simulator, "app:v3", version=1)
    assert [flag(simulator, number) for number in range(3)] == ["v1", "v2", inherited]


def test_nothing_is_inherited_from_a_version_without_a_source(simulator: Simulator) -> None:
    push(simulator, "app:v1", version=0)
    push(simulator, "app:v2", version=0, source=SOURCE)
    push(simulator, "app:v3", version=0)
    assert flag(simulator, 2) is None


def test_a_source_is_read_with_its_version(agent: httpx.Client, simulator: Simulator) -> None:
    push(simulator, "app:v1", version=0, source=SOURCE)
    reply = agent.get("/v1/job/web/submission", params={"version": "0"})
    index = simulator.job("web")["JobModifyIndex"]
    place = {"JobID": "web", "Namespace": "default", "Version": 0, "JobModifyIndex": index}
    assert (reply.json(), reply.headers["X-Nomad-Index"]) == ({**SOURCE, **place}, str(index))
    missing = agent.get("/v1/job/web/submission", params={"version": "7"})
    assert (missing.status_code, missing.text, missing.headers["X-Nomad-Index"]) == (404, "job source not found", "0")
    odd = agent.get("/v1/job/web/submission")
    assert (odd.status_code, odd.text) == (400, "Unable to parse job submission version parameter")


def test_hcl_is_parsed_by_the_given_parser(agent: httpx.Client, simulator: Simulator) -> None:
    def read(text: str, variables: str) -> dict[str, object]:
        if "}" not in text:
            raise ValueError("input.hcl:1,1-2: Unclosed configuration block")
        return sample_job("web", f"app:{variables.strip()}")

    refused = agent.post("/v1/jobs/parse", json={"JobHCL": "x {}"})
    assert (refused.status_code, refused.text.startswith("Failed to parse job: ")) == (400, True)
    simulator.parse = read
    job = agent.post("/v1/jobs/parse", json={"JobHCL": "x {}", "Variables": "v7\n", "Canonicalize": True}).json()
    assert job["TaskGroups"][0]["Tasks"][0]["Config"]["image"] == "app:v7"
    assert (job["NodePool"], job["Status"], job["SubmitTime"]) == ("", "", None)
    refused = agent.post("/v1/jobs/parse", json={"JobHCL": "x {"})
    assert refused.text == "Failed to parse job: input.hcl:1,1-2: Unclosed configuration block"
    assert agent.post("/v1/jobs/parse", json={"JobHCL": ""}).text == "Job spec is empty"


def test_what_was_parsed_can_be_registered(agent: httpx.Client, simulator: Simulator) -> None:
    simulator.parse = lambda text, variables: sample_job("web", "app:v1")
    job = agent.post("/v1/jobs/parse", json={"JobHCL": "x", "Canonicalize": True}).json()
    assert agent.post("/v1/jobs", json={"Job": job}).status_code == 200
    first = simulator.job("web")
    simulator.register(JobRegistration(job=sample_job("web", "app:v1")))
    assert simulator.job("web")["Version"] == first["Version"] == 0
