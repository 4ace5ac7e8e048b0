"""The simulator answers the recorded requests of a real agent as that agent did."""

import json

import pytest

from app.local.nomad import Registration, Simulator
from tests.contract.nomad_simulator.replay import RECORDINGS, Replay, differences, recording

NOT_MODELLED = {
    "auto-revert": set(),
    "batch-job": set(),
    "canary": set(),
    "errors": {"filter-bad"},  # filter expressions are accepted and ignored
    "identity-constraint-growth": set(),
    "image-pull-fails": set(),
    "job-ids": set(),
    "parameterized-job": set(),
    "periodic-job": set(),
    "rolling-update": set(),
    "service-without-deployment": set(),
    "system-job": set(),
    "task-exits-nonzero": set(),
    "two-groups-and-meta": {5},  # which of two groups became healthy first was chance
}


@pytest.mark.parametrize("scenario", NOT_MODELLED)
def test_scenario_is_answered_as_recorded(scenario: str) -> None:
    replay = Replay()
    wrong = {}
    for number, exchange in enumerate(recording(scenario)):
        found = replay.play(exchange)
        if found and not {number, exchange["step"]} & NOT_MODELLED[scenario]:
            wrong[f"{number} {exchange['step']}"] = found
    assert wrong == {}


CORPUS = json.loads((RECORDINGS / "job-corpus.json").read_text())
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
    simulator.register(Registration(job=CORPUS[name]["posted"]))
    ours, read = dict(simulator.job(CORPUS[name]["posted"]["ID"])), dict(CORPUS[name]["read"])
    assert differences(_without_server_fields(read), _without_server_fields(ours), "") == []


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_a_job_posted_back_as_read_makes_a_new_version_only_where_nomad_made_one(name: str) -> None:
    simulator = Simulator()
    simulator.register(Registration(job=CORPUS[name]["posted"]))
    job_id = CORPUS[name]["posted"]["ID"]
    simulator.register(Registration(job=simulator.job(job_id)))
    made_one = simulator.job(job_id)["Version"] == 1
    assert made_one is CORPUS[name]["posted_back_unchanged_made_a_new_version"]


def _without_server_fields(job: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in job.items() if key not in SERVER_FIELDS}
