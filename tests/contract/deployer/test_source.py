"""The source that Nomad stores of a job: it is updated where that is provably right, and is stale otherwise."""

import json

import pytest

from app.domain.job import SourceState
from app.domain.watch import JobPlace
from app.ports import Deployer
from tests.contract.deployer.cluster import Cluster, Jobs
from tests.contract.deployer.following import inspected, submitted
from tests.contract.deployer.jobs import NOWHERE, batch, constrained, service
from tests.contract.deployer.sources import hcl, variable

OLD, NEW = "reg.example:5000/app:v1.0.0", "reg.example:5000/app:v1.1.0"


def started(jobs: Jobs, source: str, *, flags: dict[str, str] | None = None, variables: str = "") -> JobPlace:
    """Register a job by its HCL as `nomad job run` does: parsed by the server, with the source beside it."""
    assigned = "".join(f'{name} = "{value}"\n' for name, value in (flags or {}).items())
    body = {"JobHCL": source, "Variables": f"{variables}\n{assigned}", "Canonicalize": True}
    job = jobs.cluster.call("POST", "/v1/jobs/parse", json=body).json()
    submission = {"Source": source, "Format": "hcl2", "VariableFlags": flags or {}, "Variables": variables}
    return jobs.start(job, submission=submission)


def stored(cluster: Cluster, place: JobPlace) -> dict[str, object]:
    """The source of the newest version."""
    found = cluster.source(place, cluster.read(place)["Version"])
    assert found is not None
    return found


async def test_a_literal_that_stands_once_is_changed_along(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    source = hcl(name := jobs.name(), OLD)
    place = started(jobs, source)
    submission = await submitted(deployer, place, NEW)
    assert (submission.source, submission.changed) == (SourceState.KEPT, True)
    assert stored(cluster, place)["Source"] == hcl(name, NEW)
    assert (await inspected(deployer, place)).tasks[0].image == NEW
    again = await submitted(deployer, place, "reg.example:5000/app:v1.2.0")
    assert again.source is SourceState.KEPT
    assert stored(cluster, place)["Source"] == hcl(name, "reg.example:5000/app:v1.2.0")


async def test_a_variable_flag_is_changed_along(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    source = hcl(jobs.name(), "reg.example:5000/app:${var.tag}", variables=variable("tag") + variable("other", "x"))
    place = started(jobs, source, flags={"tag": "v1.0.0"})
    submission = await submitted(deployer, place, NEW)
    assert submission.source is SourceState.KEPT
    kept = stored(cluster, place)
    assert (kept["Source"], kept["VariableFlags"]) == (source, {"tag": "v1.1.0"})


async def test_a_variable_file_is_changed_along(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    source = hcl(jobs.name(), "reg.example:5000/app:${var.tag}", variables=variable("tag"))
    place = started(jobs, source, variables='tag = "v1.0.0"\n')
    submission = await submitted(deployer, place, NEW)
    assert submission.source is SourceState.KEPT
    kept = stored(cluster, place)
    assert kept["Source"] == source
    assert "v1.1.0" in str(kept["Variables"])
    assert "v1.0.0" not in str(kept["Variables"])


async def test_a_literal_that_stands_twice_goes_stale(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = started(jobs, hcl(jobs.name(), OLD, comment=f"it was {OLD} before"))
    submission = await submitted(deployer, place, NEW)
    assert submission.source is SourceState.STALE
    assert submission.source_note
    assert (await inspected(deployer, place)).tasks[0].image == NEW
    assert NEW not in str(cluster.source(place, cluster.read(place)["Version"]))


async def test_a_source_that_says_something_else_goes_stale(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    """Somebody scaled the job after its registration. The source would revert that."""
    place = started(jobs, hcl(jobs.name(), OLD))
    job = cluster.read(place)
    job["TaskGroups"][0]["Count"] = 3
    jobs.replace(place, job)
    submission = await submitted(deployer, place, NEW)
    assert submission.source is not SourceState.KEPT
    assert cluster.read(place)["TaskGroups"][0]["Count"] == 3


async def test_a_marker_is_in_no_source(deployer: Deployer, jobs: Jobs) -> None:
    place = started(jobs, hcl(jobs.name(), OLD))
    submission = await submitted(deployer, place, NEW, marker="r-1")
    assert submission.source is SourceState.STALE


async def test_a_source_in_json_is_changed_along(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    name = jobs.name()
    job = {**constrained(service(OLD), "${node.class}", "nowhere"), "ID": name, "Name": name}
    source = json.dumps({"Job": job})
    place = jobs.start(job, submission={"Source": source, "Format": "json", "VariableFlags": {}, "Variables": ""})
    submission = await submitted(deployer, place, NEW)
    assert submission.source is SourceState.KEPT
    assert stored(cluster, place)["Source"] == source.replace(OLD, NEW)


async def test_a_job_without_a_source_gets_none(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(constrained(service(OLD), "${node.class}", "nowhere"))
    submission = await submitted(deployer, place, NEW)
    assert (submission.source, submission.source_note) == (SourceState.NONE, "")
    assert cluster.source(place, cluster.read(place)["Version"]) is None


async def test_a_job_that_launches_later_keeps_its_source_too(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    name = jobs.name()
    periodic = {"Enabled": True, "SpecType": "cron", "Spec": "0 3 1 1 *"}
    job = {**batch(OLD, Periodic=periodic, Constraints=[NOWHERE]), "ID": name, "Name": name}
    source = json.dumps(job)
    place = jobs.start(job, submission={"Source": source, "Format": "json", "VariableFlags": {}, "Variables": ""})
    submission = await submitted(deployer, place, NEW)
    assert submission.source is SourceState.KEPT
    assert stored(cluster, place)["Source"] == source.replace(OLD, NEW)


@pytest.mark.parametrize("image", [f"{OLD}@sha256:{'ab' * 32}", f"reg.example:5000/app@sha256:{'ab' * 32}"])
async def test_a_digest_is_changed_along(deployer: Deployer, cluster: Cluster, jobs: Jobs, image: str) -> None:
    name, new = jobs.name(), image.replace("v1.0.0", "v1.1.0").replace("ab" * 32, "cd" * 32)
    place = started(jobs, hcl(name, image))
    submission = await submitted(deployer, place, new)
    assert submission.source is SourceState.KEPT
    assert stored(cluster, place)["Source"] == hcl(name, new)
