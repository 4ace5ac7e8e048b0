"""The port JobChanges: changes by others as they happen, a list of what happened meanwhile, and a sign of life."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.adapters.nomad.http.streaming import LONGEST_LINE
from app.domain.job_change import ChangeKind, JobSignal, Namespace
from app.domain.watch import JobPlace
from app.errors import NomadDenied, NomadUnavailable
from app.ports import ChangeBatch
from app.simulators.nomad import Simulator, create_simulator_app, sample_job
from app.simulators.nomad.faults import FaultAction, NomadFault
from tests.contract.deployer.cluster import Cluster, Jobs
from tests.contract.deployer.guarded import Guarded
from tests.contract.deployer.jobs import Json, group, service, task
from tests.contract.deployer.jobs import unplaced as jobs_that_no_node_runs
from tests.servers.http import serve
from tests.servers.tiny_images import Behaviour
from tests.servers.toxic import ToxicProxy

DEFAULT = Namespace(region="", name="default")
READ = ("read-job",)


class Heard:
    """Reads a stream in the background: what was heard until a condition holds."""

    def __init__(self, batches: AsyncGenerator[ChangeBatch, None]) -> None:
        self._batches = batches
        self.batches: list[ChangeBatch] = []

    @property
    def changes(self) -> list[JobSignal]:
        return [change for batch in self.batches for change in batch.changes]

    def of(self, place: JobPlace, kind: ChangeKind) -> list[JobSignal]:
        return [each for each in self.changes if each.job_id == place.job_id and each.kind is kind]

    async def until(self, condition: Callable[[], object], *, within: float = 10.0) -> None:
        async with asyncio.timeout(within):
            while not condition():
                self.batches.append(await anext(self._batches))


@asynccontextmanager
async def following(deployer: NomadDeployer, namespace: Namespace = DEFAULT, *, since: int = 0) -> AsyncIterator[Heard]:
    """An open stream whose first line has come."""
    async with aclosing(deployer.job_changes.batches(namespace, since=since)) as batches:
        heard = Heard(batches)
        await heard.until(lambda: heard.batches, within=9.0)
        yield heard


def unplaced(cluster: Cluster, *, count: int = 1, **fields: Any) -> Json:
    """A job that needs no container: its constraint holds nowhere."""
    return jobs_that_no_node_runs(group(task(cluster.image(Behaviour.STEADY)), count=count), **fields)


async def test_what_others_do_is_heard_as_it_happens(cluster: Cluster, jobs: Jobs, deployer: NomadDeployer) -> None:
    async with following(deployer) as heard:
        place = jobs.start(unplaced(cluster))
        await heard.until(lambda: heard.of(place, ChangeKind.JOB))
        registered = cluster.read(place)["JobModifyIndex"]
        assert heard.of(place, ChangeKind.JOB)[0].job_index == registered
        jobs.replace(place, unplaced(cluster, count=2))
        await heard.until(lambda: heard.of(place, ChangeKind.JOB)[-1].job_index > registered)
        changed = heard.of(place, ChangeKind.JOB)[-1].job_index
        cluster.stop(place)
        await heard.until(lambda: heard.of(place, ChangeKind.JOB)[-1].job_index > changed)
        assert not any(each.deleted for each in heard.changes)


async def test_a_purge_is_heard(cluster: Cluster, jobs: Jobs, deployer: NomadDeployer) -> None:
    place = jobs.start(unplaced(cluster))
    async with following(deployer) as heard:
        cluster.stop(place, purge=True)
        await heard.until(lambda: [each for each in heard.changes if each.job_id == place.job_id])


async def test_a_job_that_cannot_be_placed_is_heard_by_its_evaluation(
    cluster: Cluster, jobs: Jobs, deployer: NomadDeployer
) -> None:
    async with following(deployer) as heard:
        place = jobs.start(unplaced(cluster))
        await heard.until(lambda: heard.of(place, ChangeKind.EVALUATION))


@pytest.mark.usefixtures("allocations_run")
async def test_allocations_and_deployments_are_heard_under_their_job(
    cluster: Cluster, jobs: Jobs, deployer: NomadDeployer
) -> None:
    async with following(deployer) as heard:
        place = jobs.start(service(cluster.image(Behaviour.STEADY)))
        await heard.until(lambda: heard.of(place, ChangeKind.ALLOCATION) and heard.of(place, ChangeKind.DEPLOYMENT))


async def test_a_stream_goes_on_where_another_ended(cluster: Cluster, jobs: Jobs, deployer: NomadDeployer) -> None:
    async with following(deployer) as heard:
        place = jobs.start(unplaced(cluster))
        await heard.until(lambda: heard.of(place, ChangeKind.JOB))
    since = heard.batches[-1].index
    jobs.replace(place, unplaced(cluster, count=3))
    scaled = cluster.read(place)["JobModifyIndex"]
    async with following(deployer, since=since) as again:
        await again.until(lambda: [each for each in again.of(place, ChangeKind.JOB) if each.job_index == scaled])
    assert next(batch.index for batch in again.batches if batch.index) == since, "which proves that nothing is missing"


async def test_the_list_has_the_indexes_of_every_job(cluster: Cluster, jobs: Jobs, deployer: NomadDeployer) -> None:
    place = jobs.start(unplaced(cluster))
    listed = await deployer.job_changes.listed(DEFAULT)
    assert listed.jobs is not None
    found, job = listed.jobs[place.job_id], cluster.read(place)
    assert (found.job_index, found.create_index) == (job["JobModifyIndex"], job["CreateIndex"])
    assert listed.index >= found.modify_index


async def test_a_sign_of_life_waits_and_costs_nothing(deployer: NomadDeployer) -> None:
    index = await deployer.job_changes.sign_of_life(DEFAULT, index=0)
    assert index > 0
    clock = asyncio.get_running_loop().time
    began = clock()
    assert await deployer.job_changes.sign_of_life(DEFAULT, index=index) == index
    assert clock() - began > 2.0


async def test_many_signs_of_life_wait_beside_each_other(deployer: NomadDeployer) -> None:
    """As those of a dozen namespaces: one that waited for another's connection would seem to be an outage."""
    index = await deployer.job_changes.sign_of_life(DEFAULT, index=0)
    waits = (deployer.job_changes.sign_of_life(DEFAULT, index=index) for _ in range(12))
    assert await asyncio.gather(*waits) == [index] * 12


async def test_the_shipped_rights_are_enough(guarded: Guarded) -> None:
    namespace = Namespace(region="", name=guarded.namespace)
    async with guarded.deployer(READ) as deployer, following(deployer, namespace) as heard:
        place = guarded.jobs.start(unplaced(guarded.jobs.cluster, Namespace=guarded.namespace))
        await heard.until(lambda: heard.of(place, ChangeKind.JOB))
        assert (await deployer.job_changes.listed(namespace)).jobs is None, "which needs list-jobs"
    async with guarded.deployer((*READ, "list-jobs")) as deployer:
        listed = await deployer.job_changes.listed(namespace)
        assert listed.jobs is not None
        assert place.job_id in listed.jobs


async def test_a_stream_that_nomad_forbids_is_denied_with_the_fix(guarded: Guarded) -> None:
    namespace = Namespace(region="", name=guarded.namespace)
    async with guarded.deployer(("list-jobs",)) as deployer:
        with pytest.raises(NomadDenied, match=f"{guarded.namespace}.*read-job"):
            async with following(deployer, namespace):
                pass


@pytest.mark.parametrize("version", ["1.9.7", "2.0.6"])
async def test_a_forbidden_stream_is_denied_by_every_version(version: str) -> None:
    nomad = Simulator(token="management", version=version)
    nomad.add_token("lists", {"default": ["list-jobs"]})
    with serve(create_simulator_app(nomad)) as url:
        deployer = NomadDeployer(NomadConnection(address=url, token="lists"))
        try:
            with pytest.raises(NomadDenied, match="read-job"):
                async with following(deployer):
                    pass
        finally:
            await deployer.aclose()


@asynccontextmanager
async def through(nomad_url: str) -> AsyncIterator[tuple[ToxicProxy, NomadDeployer]]:
    """A deployer behind a proxy that misbehaves on demand."""
    async with ToxicProxy(nomad_url) as proxy:
        deployer = NomadDeployer(NomadConnection(address=proxy.url, timeout=3))
        try:
            yield proxy, deployer
        finally:
            await deployer.aclose()


async def test_a_stream_that_breaks_is_an_outage(address: str) -> None:
    async with through(address) as (proxy, deployer):
        async with following(deployer) as heard:
            proxy.cut()
            with pytest.raises(NomadUnavailable, match="Nomad at"):
                await heard.until(lambda: False)
        proxy.refuse = True
        with pytest.raises(NomadUnavailable):
            async with following(deployer):
                pass


async def test_a_nomad_that_hangs_gives_no_sign_of_life(address: str) -> None:
    clock = asyncio.get_running_loop().time
    async with through(address) as (proxy, deployer):
        index = await deployer.job_changes.sign_of_life(DEFAULT, index=0)
        proxy.black_hole = True
        began = clock()
        with pytest.raises(NomadUnavailable, match="Nomad at"):
            await deployer.job_changes.sign_of_life(DEFAULT, index=index)
        assert clock() - began < 8.0
        with pytest.raises(NomadUnavailable, match="did not answer in time"):
            async with following(deployer):
                pass


async def test_a_server_without_a_leader_is_an_outage_and_no_refusal(nomad: Simulator, address: str) -> None:
    deployer = NomadDeployer(NomadConnection(address=address))
    nomad.faults.add(NomadFault(action=FaultAction.STATUS, path="/v1/event/stream", status=500, times=1))
    try:
        with pytest.raises(NomadUnavailable, match="elect a leader"):
            async with following(deployer):
                pass
    finally:
        await deployer.aclose()


async def test_a_line_that_is_too_long_is_not_held_and_the_next_one_is_read(nomad: Simulator, address: str) -> None:
    deployer = NomadDeployer(NomadConnection(address=address))
    try:
        async with following(deployer) as heard:
            nomad.seed(sample_job("big", "reg.example/team/app:v1", Meta={"text": "x" * LONGEST_LINE}))
            nomad.seed(sample_job("small", "reg.example/team/app:v1"))
            await heard.until(lambda: [each for each in heard.changes if each.job_id == "small"], within=60.0)
            assert any(batch.unreadable for batch in heard.batches)
    finally:
        await deployer.aclose()


async def test_a_restarted_server_has_no_batch_to_go_on_from(nomad: Simulator, address: str) -> None:
    deployer = NomadDeployer(NomadConnection(address=address))
    try:
        async with following(deployer) as heard:
            nomad.set_image("web", group="app", task="server", image="reg.example/team/app:v2")
            await heard.until(lambda: heard.changes)
        since = heard.batches[-1].index
        nomad.world.log.forget()
        async with following(deployer, since=since) as again:
            nomad.set_image("web", group="app", task="server", image="reg.example/team/app:v3")
            await again.until(lambda: again.changes)
            assert all(batch.index != since for batch in again.batches)
    finally:
        await deployer.aclose()


async def test_heartbeats_have_no_changes(nomad: Simulator, address: str) -> None:
    nomad.heartbeat = 0.05
    deployer = NomadDeployer(replace(NomadConnection(address=address)))
    try:
        async with following(deployer) as heard:
            await heard.until(lambda: len(heard.batches) >= 4)
            beats = [batch for batch in heard.batches if not batch.index]
            assert len(beats) >= 3
            assert not any(batch.changes or batch.unreadable for batch in beats)
    finally:
        await deployer.aclose()
