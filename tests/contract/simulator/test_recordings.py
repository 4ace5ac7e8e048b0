"""The simulator answers the recorded requests of a real agent as the agent did."""

import json

import pytest

from app.simulators.nomad import JobRegistration, Simulator
from tests.contract.simulator.recording import RECORDINGS, Scenario, differences, scenarios, unlike
from tests.contract.simulator.replay import Replay

PULLS = "whether the client had the image, and so an event of its pull, is unknown"
BY_SHAPE = {  # scenarios whose start or course the recording does not show; values cannot be compared
    "acl": "polling was left out, so which of its quick updates overtook which is unknown",
    "checks-fail": PULLS,
    "collected": PULLS,
    "oom-killed": PULLS,
    "sysbatch-job": PULLS,
    "blocking-queries": "begins with a job that has a history",
    "namespaces": "jobs of other scenarios stand in its lists",
    "registrations-disabled": "begins with a job that has a history",
    "workload-identity": "begins with a namespace and a token",
}
VALUES = {  # scenarios compared value by value; a new file is compared by shape until it is named here
    "auto-revert", "batch-job", "canary", "cannot-be-placed", "errors", "identity-constraint-growth",
    "image-pull-fails", "job-ids", "more-errors", "parameterized-job", "periodic-job", "rolling-update", "scale",
    "service-without-deployment", "submission-and-versions",
    "system-job", "task-exits-nonzero", "two-groups-and-meta",
}  # fmt: skip
CHANCE = {
    ("1.9.7/canary", 18): "the canary was stopped while its client still prepared it",
    ("1.9.7/auto-revert", 9): "the failed version was dead for a moment before it was rolled back",
    ("1.9.7/task-exits-nonzero", 4): "read before the client wrote the event of the unhealthy allocation",
    ("2.0.6-dev/two-groups-and-meta", 5): "which of two groups became healthy first",
}


@pytest.mark.parametrize("scenario", scenarios(), ids=str)
def test_scenario_is_answered_as_recorded(scenario: Scenario) -> None:
    replay = Replay(scenario, differences if scenario.name in VALUES else unlike)
    wrong = {}
    for number, exchange in enumerate(scenario.exchanges):
        found = replay.play(exchange)
        if found and (str(scenario), number) not in CHANCE:
            wrong[f"{number} {exchange['step']}"] = found
    assert wrong == {}


def test_what_is_not_compared_exactly_is_known_and_has_a_reason() -> None:
    names = {scenario.name for scenario in scenarios()}
    assert names >= VALUES | BY_SHAPE.keys()
    assert not VALUES & BY_SHAPE.keys()


CORPUS = json.loads((RECORDINGS / "2.0.6-dev" / "job-corpus.json").read_text())
FILLED_IN_DEEPER = {  # networks, services, templates and volume mounts are kept as posted
    "connect-sidecar",
    "docker-rich-config",
    "podman",
    "services-and-checks",
    "templates-and-secrets",
    "volumes-csi-host",
}
SERVER_FIELDS = {"Status", "Stable", "SubmitTime"}


@pytest.mark.parametrize("name", sorted(CORPUS.keys() - FILLED_IN_DEEPER))
def test_a_posted_job_is_read_back_with_nomads_defaults(name: str) -> None:
    simulator = Simulator()
    simulator.register(JobRegistration(job=CORPUS[name]["posted"]))
    ours, read = dict(simulator.job(CORPUS[name]["posted"]["ID"])), dict(CORPUS[name]["read"])
    assert differences(_without_server_fields(read), _without_server_fields(ours), "") == []


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_a_job_posted_back_as_read_makes_a_new_version_only_where_nomad_made_one(name: str) -> None:
    simulator = Simulator()
    simulator.register(JobRegistration(job=CORPUS[name]["posted"]))
    job_id = CORPUS[name]["posted"]["ID"]
    simulator.register(JobRegistration(job=simulator.job(job_id)))
    made_one = simulator.job(job_id)["Version"] == 1
    assert made_one is CORPUS[name]["posted_back_unchanged_made_a_new_version"]


def _without_server_fields(job: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in job.items() if key not in SERVER_FIELDS}
