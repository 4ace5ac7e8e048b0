"""The poller alone: what it finds, what an unchanged repository costs, and outages of registries and Nomads."""

from dataclasses import replace

import pytest

from app.adapters.registry import RegistryEndpoint
from app.domain.watch import DeployBy
from app.simulators.nomad import sample_job
from app.simulators.registry import FaultAnswer, Hang, RegistryFault
from tests.default_settings import RECONCILE_DEFAULTS
from tests.line import Line, line
from tests.servers.local_registry import local_registry

MANIFEST = "/v2/team/app/manifests/v1.0.0"
TAGS = "/v2/team/app/tags/list"


async def test_a_digest_that_the_poller_finds_first_is_labelled_so(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0", notify=False)
    await running.poll()
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    third = await running.push("app", "v1.2.0")
    await running.deployed("app", f"team/app:v1.2.0@{third}")
    assert await running.rows.found_digests() == [("v1.0.0", ""), ("v1.1.0", "poller"), ("v1.2.0", "webhook")]


async def test_a_digest_that_the_poller_finds_while_nomad_is_away_is_labelled_so(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0", notify=False)
    running.nomad_answers(500, times=2)
    await running.poll()
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    assert ("v1.1.0", "poller") in await running.rows.found_digests()


async def _cost_of_a_poll(running: Line) -> tuple[int, int]:
    """Requests to the registry and to Nomad for one poll, when everything has settled."""
    await running.poll()
    await running.quiet()
    decisions = await running.rows.decisions()
    running.registry.requests.reset()
    running.nomad.ledger.requests.clear()
    await running.poll()
    await running.quiet()
    assert await running.rows.decisions() == decisions
    return running.registry.requests.total(), running.nomad.ledger.requests.total()


async def test_an_unchanged_followed_repository_costs_a_list_and_a_conditional_head(running: Line) -> None:
    await running.start()
    assert await _cost_of_a_poll(running) == (2, 0)
    assert running.registry.requests.count("GET", TAGS) == 1
    assert running.registry.requests.conditional("HEAD", MANIFEST) == 1


@pytest.mark.parametrize("deploy_by", DeployBy)
async def test_an_unchanged_pinned_repository_costs_a_conditional_head(running: Line, deploy_by: DeployBy) -> None:
    await running.start(deploy_by=deploy_by)
    await running.outcome(await running.deploy("app", "v1.0.0"))
    await running.quiet()
    assert await _cost_of_a_poll(running) == (1, 0)
    assert running.registry.requests.conditional("HEAD", MANIFEST) == 1


async def test_a_held_update_costs_no_more_than_an_unchanged_repository(running: Line) -> None:
    await running.start()
    await running.switch("app", on=False)
    await running.push("app", "v1.1.0")
    await running.held("app", "auto_deploy_off")
    await running.quiet()
    assert await _cost_of_a_poll(running) == (2, 0)


async def test_a_poll_inspects_the_job_every_few_minutes(database_url: str) -> None:
    async with line(database_url, look_settings=replace(RECONCILE_DEFAULTS, reread_job=0.0)) as running:
        await running.start()
        assert await _cost_of_a_poll(running) == (2, 3)


async def test_a_release_with_the_running_digest_is_desired_and_not_deployed(running: Line) -> None:
    await running.start()
    await running.push("app", "v1.1.0", "app v1.0.0", notify=False)
    await running.poll()
    await running.until(lambda: _desired(running, "v1.1.0"), "v1.1.0 is wanted")
    await running.quiet()
    assert running.images("app") == []


async def test_retry_after_is_honoured(running: Line) -> None:
    await running.start()
    await running.rows.record_requeue_delays("due_at")
    running.registry.faults.add(RegistryFault(path=TAGS, action=FaultAnswer(status=429, retry_after="3600"), times=1))
    await running.poll()

    async def requeue() -> bool:
        return bool(await running.rows.registry_outages())

    await running.until(requeue, "the outage is shown")
    (pause,) = await running.rows.requeue_delays()
    assert round(pause) == 3600
    assert not await running.rows.has_polls_before_due()
    before = running.registry.requests.total()
    await running.deliver("team/app", "v1.0.0", None)
    await running.quiet_for_now()
    assert running.registry.requests.total() == before


async def test_pushes_during_a_registry_outage_are_found_afterwards(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0", notify=False)
    running.registry.faults.add(RegistryFault(path="/v2/.*", action=FaultAnswer(status=503), times=3))
    await running.poll()

    async def has_outage() -> bool:
        return any("503" in outage and since for _, outage, since in await running.rows.registry_outages())

    await running.until(has_outage, "the outage is shown")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    assert await running.rows.registry_outages() == []


async def test_a_command_during_a_registry_outage_is_executed_afterwards(running: Line) -> None:
    await running.start()
    await running.switch("app", on=False)
    second = await running.push("app", "v1.1.0")
    await running.held("app", "auto_deploy_off")
    await running.quiet()
    running.registry.faults.add(RegistryFault(path="/v2/.*", action=FaultAnswer(status=503), times=3))
    await running.switch("app", on=True)
    await running.deployed("app", f"team/app:v1.1.0@{second}")


async def test_pushes_during_a_nomad_outage_are_deployed_afterwards(running: Line) -> None:
    await running.start()
    running.nomad_answers(500, times=3)
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    assert await running.outcomes() == ["succeeded"]


async def test_the_line_starts_while_registry_and_nomad_are_away(running: Line) -> None:
    await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":v1.0.0")
    running.registry.faults.add(RegistryFault(path="/v2/.*", action=FaultAnswer(status=503), times=2))
    running.nomad_answers(500, times=2)
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")


async def test_a_refused_tag_list_does_not_delay_a_pinned_tag(running: Line) -> None:
    await running.start()
    await running.push("app", "test", notify=False)
    await running.outcome(await running.deploy("app", "test"))
    running.registry.faults.add(RegistryFault(path=TAGS, action=FaultAnswer(status=403), times=1000))
    changed = await running.push("app", "test", "other bytes")
    await running.deployed("app", f"team/app:test@{changed}")


async def test_one_silent_registry_delays_only_its_own_watches(database_url: str) -> None:
    with local_registry() as (silent, url):
        silent.faults.add(RegistryFault(path="/v2/.*", action=Hang(), times=1000))
        endpoint = RegistryEndpoint(name="silent", scheme="http", domain=url.partition("://")[2])
        async with line(database_url, more_registries={"silent": endpoint}) as running:
            await running.push("app", "v1.0.0", notify=False)
            running.job("app", ":v1.0.0")
            for number in range(20):
                running.nomad.seed(sample_job(f"dumb{number}", f"{endpoint.domain}/team/dumb:v1.0.0"))
            dumb = [
                running.watch(f"dumb{n}", registry="silent", host=endpoint.domain, path="team/dumb") for n in range(20)
            ]
            await running.configure(*dumb, running.watch("app"))
            await running.held("app", "up_to_date")
            second = await running.push("app", "v1.1.0")
            await running.until(lambda: running.images("app") == [f"team/app:v1.1.0@{second}"], "it is deployed")
            has_outage = await running.rows.registry_outages()
            assert len(has_outage) < len(dumb), "the silent registry is still waited for"


async def test_one_silent_registry_delays_only_its_own_watches_in_one_job(database_url: str) -> None:
    with local_registry() as (silent, url):
        silent.faults.add(RegistryFault(path="/v2/.*", action=Hang(), times=1000))
        endpoint = RegistryEndpoint(name="silent", scheme="http", domain=url.partition("://")[2])
        async with line(database_url, more_registries={"silent": endpoint}) as running:
            await running.push("app", "v1.0.0", notify=False)
            await running.push("app", "v1.1.0", notify=False)
            job = sample_job("app", f"{running.host}/team/app:v1.0.0")
            sidecar = sample_job("app", f"{endpoint.domain}/team/dumb:v1.0.0", task="sidecar")
            job["TaskGroups"][0]["Tasks"] += sidecar["TaskGroups"][0]["Tasks"]
            running.nomad.seed(job)
            await running.configure(
                running.watch("app"),
                running.watch("dumb", registry="silent", host=endpoint.domain, job="app", task="sidecar"),
            )
            await running.until(lambda: len(running.images("app")) == 1, "v1.1.0 is deployed")
            outages = {name: outage for name, outage, _ in await running.rows.registry_outages()}
            assert "longer to answer" in outages["dumb"]


async def test_no_push_is_lost_between_reading_and_clearing(running: Line) -> None:
    await running.start()
    running.registry.faults.add(RegistryFault(path=TAGS, action=Hang(seconds=2), times=1))
    await running.deliver("team/app", "v1.0.0", None)
    await running.until(lambda: not running.registry.faults.left(), "the look reads the tags")
    assert await running.rows.is_leased(), "it is under way"
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")


async def _desired(running: Line, tag: str) -> bool:
    return (await running.rows.desired())[0] == tag
