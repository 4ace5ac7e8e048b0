"""Explanations of a failed rollout, in sentences for people."""

import re

import pytest

from app.domain.deployment import DeploymentPhase, Diagnosis, Snapshot
from app.ports import Deployer
from tests.contract.deployer.cluster import Cluster, Jobs
from tests.contract.deployer.following import rollout, settled, submitted
from tests.contract.deployer.jobs import SECOND, batch, constrained, group, job, service, task, update
from tests.servers.tiny_images import LAST_WORDS, Behaviour


def says(diagnosis: Diagnosis, *message: str) -> bool:
    """Whether one finding has all the words."""
    return any(all(re.search(word, finding) for word in message) for finding in diagnosis.findings)


async def failed(deployer: Deployer, cluster: Cluster, jobs: Jobs, behaviour: Behaviour) -> tuple[Snapshot, Diagnosis]:
    """The end of a rollout that gives a steady service an image with this behaviour."""
    # A busy agent notices a dead container late. A failing one must not count as healthy before.
    place = jobs.start(service(cluster.image(Behaviour.STEADY), MinHealthyTime=3 * SECOND))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(behaviour))
    snapshot = await rollout(deployer, place, submission)
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.FAILED
    return snapshot, await deployer.diagnose(place, submission)


@pytest.mark.usefixtures("allocations_run")
async def test_an_image_that_cannot_be_pulled(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    snapshot, why = await failed(deployer, cluster, jobs, Behaviour.ABSENT)
    assert says(why, "contract/absent:v1", "manifest")
    assert why.logs == ()
    assert any("manifest" in each for each in snapshot.failures)


@pytest.mark.usefixtures("allocations_run")
async def test_a_task_that_exits_with_an_error_has_its_last_lines(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    _, why = await failed(deployer, cluster, jobs, Behaviour.CRASHES)
    assert says(why, "server", r"\b3\b")
    [tail] = why.logs
    assert tail.task == "app/server"
    assert tail.text.rstrip().endswith(LAST_WORDS)
    assert not why.logs_denied


@pytest.mark.usefixtures("allocations_run")
async def test_a_task_that_needed_too_much_memory(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    _, why = await failed(deployer, cluster, jobs, Behaviour.GREEDY)
    assert says(why, "server", "(?i)memory|oom")


@pytest.mark.usefixtures("allocations_run")
async def test_a_task_that_never_becomes_healthy(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    _, why = await failed(deployer, cluster, jobs, Behaviour.UNSTEADY)
    assert says(why, "server")


@pytest.mark.usefixtures("allocations_run")
async def test_a_check_that_nobody_answers(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    check = {"Name": "alive", "Type": "tcp", "Interval": SECOND, "Timeout": SECOND}
    checked = group(
        task(cluster.image(Behaviour.DEAF)),
        Networks=[{"Mode": "host", "DynamicPorts": [{"Label": "http"}]}],
        Services=[{"Name": "contract", "Provider": "nomad", "PortLabel": "http", "Checks": [check]}],
        Update=update(HealthCheck="checks", HealthyDeadline=6 * SECOND, ProgressDeadline=12 * SECOND),
        ReschedulePolicy={"Attempts": 0, "Unlimited": False},
    )
    place = jobs.start(job(checked))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.DEAF, "v2"))
    snapshot = await rollout(deployer, place, submission)
    assert snapshot.deployment is not None
    assert snapshot.deployment.phase is DeploymentPhase.FAILED
    assert says(await deployer.diagnose(place, submission), "app", "check|[Ss]ervices not healthy")


async def test_a_constraint_that_no_node_meets(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(constrained(service("reg.example/app:v1"), "${attr.kernel.name}", "plan9"))
    submission = await submitted(deployer, place, "reg.example/app:v2")
    await rollout(deployer, place, submission, until=lambda snapshot: snapshot.unplaced != "")
    assert says(await deployer.diagnose(place, submission), "app", r"\$\{attr.kernel.name\} = plan9")


@pytest.mark.usefixtures("allocations_run")
async def test_more_memory_than_any_node_has(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1"), memory=100_000_000))
    submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
    await rollout(deployer, place, submission, until=lambda snapshot: snapshot.unplaced != "")
    assert says(await deployer.diagnose(place, submission), "app", "memory")


@pytest.mark.usefixtures("allocations_run")
async def test_a_batch_job_that_fails(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(batch(cluster.image(Behaviour.FINISHES)))
    submission = await submitted(deployer, place, cluster.image(Behaviour.CRASHES))
    snapshot = await rollout(
        deployer, place, submission, until=lambda now: any(each.status == "failed" for each in now.allocations)
    )
    assert snapshot.completes
    why = await deployer.diagnose(place, submission)
    assert says(why, "server", r"\b3\b")
    assert [tail.text.rstrip().endswith(LAST_WORDS) for tail in why.logs] == [True]


@pytest.mark.usefixtures("allocations_run")
async def test_what_runs_well_has_no_findings(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(service(cluster.image(Behaviour.STEADY, "v1")))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
    await rollout(deployer, place, submission)
    assert await deployer.diagnose(place, submission) == Diagnosis()


@pytest.mark.usefixtures("allocations_run")
async def test_a_deadline_that_passes_for_want_of_a_second_node(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    """One allocation is healthy, the other has no place: Nomad ends the deployment by its progress deadline."""
    nodes = (
        sum(1 for each in cluster.call("GET", "/v1/nodes").json() if each["Status"] == "ready")
        if cluster.is_real
        else 1
    )
    # With less at once the allocation without a place would keep the others from being replaced.
    policy = update(
        HealthyDeadline=8 * SECOND, ProgressDeadline=10 * SECOND, MinHealthyTime=SECOND, MaxParallel=nodes + 1
    )
    apart = group(
        task(cluster.image(Behaviour.STEADY)),
        Count=nodes + 1,
        Constraints=[{"LTarget": "", "RTarget": "true", "Operand": "distinct_hosts"}],
        Update=policy,
    )
    place = jobs.start(job(apart))
    await settled(deployer, place)
    submission = await submitted(deployer, place, cluster.image(Behaviour.STEADY, "v2"))
    waiting = await rollout(
        deployer, place, submission, until=lambda each: each.lacks_placements and bool(each.unplaced)
    )
    assert "1 allocation cannot be placed" in waiting.unplaced
    assert "distinct_hosts" in waiting.unplaced
    ended = await rollout(deployer, place, submission)
    assert ended.deployment is not None
    assert (ended.deployment.phase, ended.deployment.deadline_passed) == (DeploymentPhase.FAILED, True)
    assert (ended.deployment.unhealthy, ended.deployment.healthy) == (0, nodes)
    assert (ended.deployment.placed, ended.deployment.desired) == (nodes, nodes + 1)
    assert "distinct_hosts" in ended.unplaced, "Nomad's last evaluation of a failed deployment places nothing"
