"""The deployer's connection is renewed while calls are under way: none is cut, and new ones carry the new token."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.adapters.nomad import NomadConnection, RenewableDeployer
from app.domain.deployment import WaitIndex
from app.domain.job import JobPatch, Submission, TaskChange
from app.domain.watch import JobPlace
from app.errors import ConfigError
from app.simulators.nomad import Simulator, Timing, create_simulator_app, sample_job
from tests.contract.deployer.lone import SERVER
from tests.processes import until
from tests.servers.http import serve

PLACE = JobPlace(region="", namespace="default", job_id="web")
NEVER = Timing(start=3600, healthy=3600)


@dataclass(kw_only=True, eq=False)
class Gate:
    """An ASGI application in front of Nomad: it keeps registrations from being answered while `shut`."""

    application: Any
    heard: list[tuple[str, str, str]] = field(default_factory=list)
    opened: threading.Event = field(default_factory=threading.Event)
    registering: bool = False

    def tokens(self, method: str = "GET") -> list[str]:
        """The tokens of the requests of this method, in order."""
        return [token for said, _, token in self.heard if said == method]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            token = dict(scope["headers"]).get(b"x-nomad-token", b"").decode()
            self.heard.append((scope["method"], scope["path"], token))
            if scope["method"] == "POST" and scope["path"] in ("/v1/jobs", "/v1/job/web"):
                self.registering = True
                await asyncio.to_thread(self.opened.wait, 30)
        await self.application(scope, receive, send)


@dataclass(kw_only=True)
class Agent:
    nomad: Simulator
    gate: Gate
    url: str

    def connection(self, token: str) -> NomadConnection:
        return NomadConnection(address=self.url, token=token)


@pytest.fixture
def agent() -> Iterator[Agent]:
    nomad = Simulator(timing=NEVER)
    gate = Gate(application=create_simulator_app(nomad))
    with serve(gate) as url:
        yield Agent(nomad=nomad, gate=gate, url=url)
        gate.opened.set()


@pytest.fixture
async def deployer(agent: Agent) -> AsyncIterator[RenewableDeployer]:
    made = RenewableDeployer(agent.connection("before"))
    yield made
    await made.aclose()
    assert not threads()


def threads() -> list[str]:
    """Those in which calls to Nomad run: a deployer that is closed has none."""
    return [each.name for each in threading.enumerate() if each.name.startswith("nomad_")]


async def test_a_registration_under_way_ends_by_the_old_connection_which_is_closed_then(
    agent: Agent, deployer: RenewableDeployer
) -> None:
    agent.nomad.seed(sample_job("web", "reg.example/app:1"))
    state = await deployer.inspect(PLACE)
    assert state is not None
    change = TaskChange(image="reg.example/app:2", marker="r-1")
    patch = JobPatch(changes={SERVER: change}, expected_index=state.index)
    submitting = asyncio.create_task(deployer.submit(PLACE, patch))
    await until(lambda: agent.gate.registering, "the registration is under way", within=60)
    assert deployer.renew(agent.connection("after"))
    heard = len(agent.gate.heard)
    assert await deployer.inspect(PLACE) == state
    assert {token for *_, token in agent.gate.heard[heard:]} == {"after"}
    assert not submitting.done()
    agent.gate.opened.set()
    assert isinstance(await submitting, Submission)
    assert agent.gate.tokens("POST")[-1] == "before"
    moved = await deployer.inspect(PLACE)
    assert moved is not None
    assert moved.index > state.index
    await until(lambda: len(threads()) < 3, "the old connection is closed", within=60)


async def test_who_waits_is_woken_and_waits_by_the_new_connection(agent: Agent, deployer: RenewableDeployer) -> None:
    reply = agent.nomad.seed(sample_job("web", "reg.example/app:1"))
    submission = Submission(index=reply["JobModifyIndex"], evaluation_id=reply["EvalID"])
    wait_index = (await deployer.observe(PLACE, submission)).wait_index
    assert isinstance(wait_index, WaitIndex)
    heard = len(agent.gate.heard)
    waits = [asyncio.create_task(deployer.wait_for_change(PLACE, wait_index, within=3600)) for _ in range(3)]
    await until(lambda: len(agent.gate.heard) > heard, "they wait", within=60)
    deployer.renew(agent.connection("after"))
    async with asyncio.timeout(10):
        await asyncio.gather(*waits)
    heard = len(agent.gate.heard)
    again = asyncio.create_task(deployer.wait_for_change(PLACE, wait_index, within=3600))
    await until(lambda: len(agent.gate.heard) > heard, "it waits again", within=60)
    assert {token for *_, token in agent.gate.heard[heard:]} == {"after"}
    assert not again.done()
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)


async def test_the_same_connection_is_kept_and_an_impossible_one_changes_nothing(
    agent: Agent, deployer: RenewableDeployer
) -> None:
    assert not deployer.renew(agent.connection("before"))
    with pytest.raises(ConfigError):
        deployer.renew(NomadConnection(address="nowhere"))
    assert await deployer.inspect(PLACE) is None
    assert set(agent.gate.tokens()) == {"before"}


async def test_it_closes_at_once_after_it_was_renewed(agent: Agent) -> None:
    made = RenewableDeployer(agent.connection("before"))
    await made.inspect(PLACE)
    made.renew(agent.connection("after"))
    await made.aclose()
    assert not threads()
