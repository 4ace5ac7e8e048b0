"""Waits for changes: each change ends them, and many waits use few connections."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest

from app.adapters.nomad import NomadDeployer
from app.domain.deployment import DeploymentPhase, WaitIndex
from app.simulators.nomad import FaultAction, NomadFault, Simulator, Timing, create_simulator_app
from tests.servers.http import serve
from tests.unit.nomad.waits import (
    MANY,
    NEVER,
    PLACE,
    Agent,
    Scripted,
    Watched,
    opened,
    place,
    until,
    wait_index_of,
    waiting,
)


@pytest.fixture
def agent() -> Iterator[Agent]:
    nomad = Simulator(timing=NEVER)
    watched = Watched(application=create_simulator_app(nomad))
    with serve(watched) as url:
        yield Agent(nomad=nomad, watched=watched, url=url)


@pytest.fixture
async def deployer(agent: Agent) -> AsyncIterator[NomadDeployer]:
    async with opened(agent.url) as made:
        yield made


async def test_a_hundred_wait_by_one_request_and_each_is_woken_by_its_own_change(
    agent: Agent, deployer: NomadDeployer
) -> None:
    names = [f"app{number}" for number in range(MANY)]
    targets = {name: await deployer.observe(place(name), agent.registered(name)) for name in names}
    agent.watched.most, before = 0, len(agent.watched.requests)
    tasks = {name: waiting(deployer, name, wait_index_of(snapshot)) for name, snapshot in targets.items()}
    await until(lambda: agent.watched.now > 0)
    agent.nomad.stop("app7")
    await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
    assert [name for name, task in tasks.items() if task.done()] == ["app7"]
    agent.nomad.skip(7200)
    await asyncio.wait_for(asyncio.gather(*tasks.values()), 30)
    assert agent.watched.most <= 5
    assert len(agent.watched.requests) - before <= 10


async def test_a_change_between_the_snapshot_and_the_wait_is_not_lost(agent: Agent, deployer: NomadDeployer) -> None:
    snapshot = await deployer.observe(PLACE, agent.registered("web"))
    other = await deployer.observe(place("other"), agent.registered("other"))
    watcher = waiting(deployer, "other", wait_index_of(other))
    await until(lambda: agent.watched.now > 0)
    agent.nomad.stop("web")
    async with asyncio.timeout(30):
        await deployer.wait_for_change(PLACE, wait_index_of(snapshot), within=60)
    assert not watcher.done()
    # Nor is one that the shared poll has read by then.
    async with asyncio.timeout(30):
        await deployer.wait_for_change(PLACE, wait_index_of(snapshot), within=60)
    watcher.cancel()


async def test_a_change_that_ended_a_wait_needs_no_second_request(agent: Agent, deployer: NomadDeployer) -> None:
    agent.nomad.set_timing(Timing(healthy=1))
    submission = agent.registered("web", count=2)
    snapshot = await deployer.observe(PLACE, submission)
    assert snapshot.deployment is not None
    task = waiting(deployer, "web", wait_index_of(snapshot))
    await until(lambda: agent.watched.now > 0)
    agent.nomad.world.timing = NEVER
    agent.nomad.skip(1)
    await asyncio.wait_for(task, 30)
    before = len(agent.watched.requests)
    moved = await deployer.observe(PLACE, submission, deployment_id=snapshot.deployment.deployment_id)
    if moved.deployment is not None and moved.deployment.phase is DeploymentPhase.ACTIVE:
        assert len(agent.watched.requests) == before
        assert moved.progress != snapshot.progress
    again = await deployer.observe(PLACE, submission, deployment_id=snapshot.deployment.deployment_id)
    assert len(agent.watched.requests) > before, "once only"
    assert again.deployment is not None


async def test_a_cancelled_waiter_leaves_nothing_behind(agent: Agent, deployer: NomadDeployer) -> None:
    targets = [await deployer.observe(place(name), agent.registered(name)) for name in ("a", "b")]
    tasks = [waiting(deployer, name, wait_index_of(snapshot)) for name, snapshot in zip("ab", targets, strict=True)]
    await until(lambda: agent.watched.now > 0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await until(lambda: agent.watched.now == 0)
    assert [task for task in asyncio.all_tasks() if task.get_name() == "nomad deployments"] == []
    again = waiting(deployer, "a", wait_index_of(targets[0]))
    await until(lambda: agent.watched.now > 0)
    agent.nomad.stop("a")
    await asyncio.wait_for(again, 30)


async def test_a_wait_that_begins_as_the_last_one_ends_is_woken(agent: Agent, deployer: NomadDeployer) -> None:
    snapshot = await deployer.observe(PLACE, agent.registered("web"))
    first = waiting(deployer, "web", wait_index_of(snapshot))
    await until(lambda: agent.watched.now > 0)
    first.cancel()
    second = waiting(deployer, "web", wait_index_of(snapshot))
    with suppress(asyncio.CancelledError):
        await first
    agent.nomad.stop("web")
    await asyncio.wait_for(second, 30)


async def test_it_ends_by_its_time_when_nothing_changes(agent: Agent, deployer: NomadDeployer) -> None:
    snapshot = await deployer.observe(PLACE, agent.registered("web"))
    async with asyncio.timeout(30):
        await deployer.wait_for_change(PLACE, wait_index_of(snapshot), within=0.2)
        await deployer.wait_for_change(PLACE, WaitIndex(subject="novel/thing", index=1), within=0.05)


async def test_an_evaluation_is_waited_for_by_itself(agent: Agent, deployer: NomadDeployer) -> None:
    agent.nomad.set_timing(Timing(evaluation=3600))
    submission = agent.registered("web")
    snapshot = await deployer.observe(PLACE, submission)
    assert wait_index_of(snapshot).subject == f"evaluation/{submission.evaluation_id}"
    task = waiting(deployer, "web", wait_index_of(snapshot))
    await until(lambda: agent.watched.now > 0)
    agent.nomad.skip(3600)
    await asyncio.wait_for(task, 30)
    assert (await deployer.observe(PLACE, submission)).evaluated


async def test_allocations_of_a_job_without_a_deployment_are_waited_for(agent: Agent, deployer: NomadDeployer) -> None:
    submission = agent.registered("web", max_parallel=0)
    snapshot = await deployer.observe(PLACE, submission)
    assert (snapshot.deployment, wait_index_of(snapshot).subject) == (None, "allocations")
    task = waiting(deployer, "web", wait_index_of(snapshot))
    await until(lambda: agent.watched.now > 0)
    agent.registered("foreign", max_parallel=0)
    agent.nomad.skip(3600)
    await asyncio.wait_for(task, 30)
    assert [each.status for each in (await deployer.observe(PLACE, submission)).allocations] == ["running"]


async def test_many_single_waiters_share_few_connections(agent: Agent, deployer: NomadDeployer) -> None:
    agent.nomad.set_timing(Timing(evaluation=3600))
    targets = {name: await deployer.observe(place(name), agent.registered(name)) for name in map(str, range(20))}
    agent.watched.most = 0
    tasks = [waiting(deployer, name, wait_index_of(snapshot)) for name, snapshot in targets.items()]
    await until(lambda: agent.watched.now > 0)
    agent.nomad.skip(3600)
    await asyncio.wait_for(asyncio.gather(*tasks), 30)
    assert agent.watched.most <= 8


@pytest.mark.parametrize("status", [400, 403])
async def test_where_the_list_is_refused_each_wait_reads_its_own(
    agent: Agent, deployer: NomadDeployer, status: int
) -> None:
    snapshot = await deployer.observe(PLACE, agent.registered("web"))
    agent.nomad.faults.add(NomadFault(action=FaultAction.STATUS, path="/v1/deployments", status=status, times=1000))
    task = waiting(deployer, "web", wait_index_of(snapshot))
    await until(lambda: "/v1/deployment/" in agent.watched.requests[-1] and agent.watched.now > 0)
    agent.nomad.stop("web")
    await asyncio.wait_for(task, 30)
    assert agent.watched.requests.count("/v1/deployments") == 1


async def test_a_wait_survives_errors(agent: Agent, deployer: NomadDeployer) -> None:
    snapshot = await deployer.observe(PLACE, agent.registered("web"))
    agent.nomad.faults.add(NomadFault(action=FaultAction.STATUS, path="/v1/deployments", status=500))
    agent.nomad.faults.add(NomadFault(action=FaultAction.RESET, path="/v1/deployments"))
    task = waiting(deployer, "web", wait_index_of(snapshot))
    await until(lambda: agent.watched.requests.count("/v1/deployments") == 2)
    agent.nomad.stop("web")
    await asyncio.wait_for(task, 30)
    assert agent.watched.requests.count("/v1/deployments") <= 4


async def test_an_index_that_goes_backwards_wakes_everybody(agent: Agent, deployer: NomadDeployer) -> None:
    snapshot = await deployer.observe(PLACE, agent.registered("web"))
    task = waiting(deployer, "web", wait_index_of(snapshot))
    await until(lambda: agent.watched.requests.count("/v1/deployments") == 2)
    agent.nomad.faults.add(NomadFault(action=FaultAction.INDEX, path="/v1/deployments", index=1))
    agent.registered("other")
    await until(lambda: agent.watched.requests.count("/v1/deployments") == 3)
    agent.registered("another")
    await asyncio.wait_for(task, 30)


@pytest.mark.parametrize(
    ("index", "modified"), [(3, 7), (9, 5)], ids=["the index went back", "the row went back, and others changed since"]
)
@pytest.mark.parametrize("subject", ["evaluation/e", "allocations"])
async def test_a_wait_on_one_object_ends_when_the_servers_were_restored(
    index: int, modified: int, subject: str
) -> None:
    row = f'{{"ID": "e", "ModifyIndex": {modified}}}'
    body = f"[{row}]" if subject == "allocations" else row
    with serve(Scripted(body=body.encode(), index=index)) as url:
        async with opened(url) as deployer, asyncio.timeout(30):
            await deployer.wait_for_change(PLACE, WaitIndex(subject=subject, index=7), within=60)


@pytest.mark.parametrize("subject", ["evaluation/00000000-0000-0000-0000-000000000000", "allocations"])
async def test_a_missing_object_ends_the_wait_but_not_at_once(
    agent: Agent, deployer: NomadDeployer, subject: str
) -> None:
    agent.registered("another")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.timeout(30):
        await deployer.wait_for_change(PLACE, WaitIndex(subject=subject, index=1), within=60)
    assert loop.time() - begun >= 1
