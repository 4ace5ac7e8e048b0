"""Waiting for changes: woken by each of them, by few connections for many waiters, and never in a hot loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, MutableMapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.domain.deployment import DeploymentPhase, Snapshot, WaitIndex
from app.domain.job import Submission
from app.domain.watch import JobPlace
from app.simulators.nomad import FaultAction, NomadFault, Simulator, Timing, create_simulator_app, sample_job
from tests.servers.http import serve
from tests.servers.tls import issue

Message = MutableMapping[str, Any]
MANY = 100
NEVER = Timing(start=3600, healthy=3600)
PLACE = JobPlace(region="", namespace="default", job_id="web")


@dataclass(slots=True, kw_only=True, eq=False)
class Watched:
    """Stands before an ASGI application: counts what was asked, and how much of it is waited for at once.

    A request is over before its last bytes go out: whoever has read them may ask the next at once.
    """

    application: Callable[..., Coroutine[Any, Any, None]]
    asked: list[str] = field(default_factory=list)
    most: int = 0
    _open: set[object] = field(default_factory=set)

    @property
    def now(self) -> int:
        """How many requests are waited for."""
        return len(self._open)

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.application(scope, receive, send)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self._open.discard(request)
            await send(message)

        request = object()
        self.asked.append(scope["path"])
        self._open.add(request)
        self.most = max(self.most, self.now)
        body = await receive()
        answered = asyncio.create_task(self.application(scope, _replay(body, receive), sent))
        left = asyncio.create_task(receive())
        try:
            await asyncio.wait((answered, left), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(request)
            for task in (answered, left):
                task.cancel()
            await asyncio.gather(answered, left, return_exceptions=True)


def _replay(first: Message, receive: Any) -> Any:
    messages = [first]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


@dataclass(slots=True, kw_only=True, eq=False)
class Scripted:
    """Answers every path at once with the same body and index, whatever was asked."""

    body: bytes = b"[]"
    index: int = 7
    status: int = 200
    seen: list[dict[str, str]] = field(default_factory=list)

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.seen.append({name.decode(): value.decode() for name, value in scope["headers"]})
        headers = [(b"x-nomad-index", str(self.index).encode()), (b"content-length", str(len(self.body)).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


@dataclass(slots=True, kw_only=True, eq=False)
class Agent:
    """The simulator behind a counter."""

    nomad: Simulator
    watched: Watched
    url: str

    def registered(self, job_id: str, **fields: Any) -> Submission:
        reply = self.nomad.seed(sample_job(job_id, "reg.example/app:1", **fields))
        return Submission(index=reply["JobModifyIndex"], evaluation_id=reply["EvalID"])


@pytest.fixture
def agent() -> Iterator[Agent]:
    nomad = Simulator(timing=NEVER)
    watched = Watched(application=create_simulator_app(nomad))
    with serve(watched) as url:
        yield Agent(nomad=nomad, watched=watched, url=url)


@asynccontextmanager
async def opened(url: str, **fields: Any) -> AsyncIterator[NomadDeployer]:
    deployer = NomadDeployer(NomadConnection(address=url, **fields))
    try:
        yield deployer
    finally:
        await deployer.aclose()


@pytest.fixture
async def deployer(agent: Agent) -> AsyncIterator[NomadDeployer]:
    async with opened(agent.url) as made:
        yield made


def place(job_id: str) -> JobPlace:
    return JobPlace(region="", namespace="default", job_id=job_id)


def wait_index_of(look: Snapshot) -> WaitIndex:
    assert look.wait_index is not None
    return look.wait_index


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - another thread's state
            await asyncio.sleep(0.01)


def waiting(deployer: NomadDeployer, job_id: str, wait_index: WaitIndex, within: float = 60) -> asyncio.Task[None]:
    return asyncio.create_task(deployer.wait_for_change(place(job_id), wait_index, within=within))


async def test_a_hundred_wait_by_one_request_and_each_is_woken_by_its_own_change(
    agent: Agent, deployer: NomadDeployer
) -> None:
    names = [f"app{number}" for number in range(MANY)]
    targets = {name: await deployer.observe(place(name), agent.registered(name)) for name in names}
    agent.watched.most, before = 0, len(agent.watched.asked)
    tasks = {name: waiting(deployer, name, wait_index_of(look)) for name, look in targets.items()}
    await until(lambda: agent.watched.now > 0)
    agent.nomad.stop("app7")
    await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
    assert [name for name, task in tasks.items() if task.done()] == ["app7"]
    agent.nomad.skip(7200)
    await asyncio.wait_for(asyncio.gather(*tasks.values()), 30)
    assert agent.watched.most <= 5
    assert len(agent.watched.asked) - before <= 10


async def test_a_change_between_the_look_and_the_wait_is_not_lost(agent: Agent, deployer: NomadDeployer) -> None:
    look = await deployer.observe(PLACE, agent.registered("web"))
    other = await deployer.observe(place("other"), agent.registered("other"))
    watcher = waiting(deployer, "other", wait_index_of(other))
    await until(lambda: agent.watched.now > 0)
    agent.nomad.stop("web")
    async with asyncio.timeout(30):
        await deployer.wait_for_change(PLACE, wait_index_of(look), within=60)
    assert not watcher.done()
    # Nor is one that the shared poll has seen by then.
    async with asyncio.timeout(30):
        await deployer.wait_for_change(PLACE, wait_index_of(look), within=60)
    watcher.cancel()


async def test_what_woke_a_waiter_is_looked_at_without_asking_again(agent: Agent, deployer: NomadDeployer) -> None:
    agent.nomad.set_timing(Timing(healthy=1))
    submission = agent.registered("web", count=2)
    look = await deployer.observe(PLACE, submission)
    assert look.deployment is not None
    task = waiting(deployer, "web", wait_index_of(look))
    await until(lambda: agent.watched.now > 0)
    agent.nomad.world.timing = NEVER
    agent.nomad.skip(1)
    await asyncio.wait_for(task, 30)
    before = len(agent.watched.asked)
    moved = await deployer.observe(PLACE, submission, deployment_id=look.deployment.deployment_id)
    if moved.deployment is not None and moved.deployment.phase is DeploymentPhase.ACTIVE:
        assert len(agent.watched.asked) == before
        assert moved.progress != look.progress
    again = await deployer.observe(PLACE, submission, deployment_id=look.deployment.deployment_id)
    assert len(agent.watched.asked) > before, "once only"
    assert again.deployment is not None


async def test_a_cancelled_waiter_leaves_nothing_behind(agent: Agent, deployer: NomadDeployer) -> None:
    targets = [await deployer.observe(place(name), agent.registered(name)) for name in ("a", "b")]
    tasks = [waiting(deployer, name, wait_index_of(look)) for name, look in zip("ab", targets, strict=True)]
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


async def test_one_that_comes_as_the_last_one_goes_is_woken_all_the_same(agent: Agent, deployer: NomadDeployer) -> None:
    look = await deployer.observe(PLACE, agent.registered("web"))
    first = waiting(deployer, "web", wait_index_of(look))
    await until(lambda: agent.watched.now > 0)
    first.cancel()
    second = waiting(deployer, "web", wait_index_of(look))
    with suppress(asyncio.CancelledError):
        await first
    agent.nomad.stop("web")
    await asyncio.wait_for(second, 30)


async def test_it_ends_by_its_time_when_nothing_changes(agent: Agent, deployer: NomadDeployer) -> None:
    look = await deployer.observe(PLACE, agent.registered("web"))
    async with asyncio.timeout(30):
        await deployer.wait_for_change(PLACE, wait_index_of(look), within=0.2)
        await deployer.wait_for_change(PLACE, WaitIndex(subject="novel/thing", index=1), within=0.05)


async def test_an_evaluation_is_waited_for_by_itself(agent: Agent, deployer: NomadDeployer) -> None:
    agent.nomad.set_timing(Timing(evaluation=3600))
    submission = agent.registered("web")
    look = await deployer.observe(PLACE, submission)
    assert wait_index_of(look).subject == f"evaluation/{submission.evaluation_id}"
    task = waiting(deployer, "web", wait_index_of(look))
    await until(lambda: agent.watched.now > 0)
    agent.nomad.skip(3600)
    await asyncio.wait_for(task, 30)
    assert (await deployer.observe(PLACE, submission)).evaluated


async def test_allocations_of_a_job_without_a_deployment_are_waited_for(agent: Agent, deployer: NomadDeployer) -> None:
    submission = agent.registered("web", max_parallel=0)
    look = await deployer.observe(PLACE, submission)
    assert (look.deployment, wait_index_of(look).subject) == (None, "allocations")
    task = waiting(deployer, "web", wait_index_of(look))
    await until(lambda: agent.watched.now > 0)
    agent.registered("foreign", max_parallel=0)
    agent.nomad.skip(3600)
    await asyncio.wait_for(task, 30)
    assert [each.status for each in (await deployer.observe(PLACE, submission)).allocations] == ["running"]


async def test_many_single_waiters_share_few_connections(agent: Agent, deployer: NomadDeployer) -> None:
    agent.nomad.set_timing(Timing(evaluation=3600))
    targets = {name: await deployer.observe(place(name), agent.registered(name)) for name in map(str, range(20))}
    agent.watched.most = 0
    tasks = [waiting(deployer, name, wait_index_of(look)) for name, look in targets.items()]
    await until(lambda: agent.watched.now > 0)
    agent.nomad.skip(3600)
    await asyncio.wait_for(asyncio.gather(*tasks), 30)
    assert agent.watched.most <= 8


@pytest.mark.parametrize("status", [400, 403])
async def test_where_the_list_is_refused_each_asks_for_its_own(
    agent: Agent, deployer: NomadDeployer, status: int
) -> None:
    look = await deployer.observe(PLACE, agent.registered("web"))
    agent.nomad.faults.add(NomadFault(action=FaultAction.STATUS, path="/v1/deployments", status=status, times=1000))
    task = waiting(deployer, "web", wait_index_of(look))
    await until(lambda: "/v1/deployment/" in agent.watched.asked[-1] and agent.watched.now > 0)
    agent.nomad.stop("web")
    await asyncio.wait_for(task, 30)
    assert agent.watched.asked.count("/v1/deployments") == 1


async def test_errors_are_waited_out(agent: Agent, deployer: NomadDeployer) -> None:
    look = await deployer.observe(PLACE, agent.registered("web"))
    agent.nomad.faults.add(NomadFault(action=FaultAction.STATUS, path="/v1/deployments", status=500))
    agent.nomad.faults.add(NomadFault(action=FaultAction.RESET, path="/v1/deployments"))
    task = waiting(deployer, "web", wait_index_of(look))
    await until(lambda: agent.watched.asked.count("/v1/deployments") == 2)
    agent.nomad.stop("web")
    await asyncio.wait_for(task, 30)
    assert agent.watched.asked.count("/v1/deployments") <= 4


async def test_an_index_that_goes_backwards_wakes_everybody(agent: Agent, deployer: NomadDeployer) -> None:
    look = await deployer.observe(PLACE, agent.registered("web"))
    task = waiting(deployer, "web", wait_index_of(look))
    await until(lambda: agent.watched.asked.count("/v1/deployments") == 2)
    agent.nomad.faults.add(NomadFault(action=FaultAction.INDEX, path="/v1/deployments", index=1))
    agent.registered("other")
    await until(lambda: agent.watched.asked.count("/v1/deployments") == 3)
    agent.registered("another")
    await asyncio.wait_for(task, 30)


async def test_an_agent_that_is_not_there_is_waited_for_in_peace() -> None:
    async with opened("http://127.0.0.1:9") as deployer, asyncio.timeout(30):
        for subject in ("deployment/d", "evaluation/e", "allocations"):
            await deployer.wait_for_change(PLACE, WaitIndex(subject=subject, index=1), within=0.1)


@pytest.mark.parametrize("subject", ["deployment/d", "evaluation/e", "allocations"])
@pytest.mark.parametrize(
    "server",
    [
        pytest.param(lambda: Scripted(body=b'[{"ID": "d", "ModifyIndex": 7}]'), id="an answer at once, and unchanged"),
        pytest.param(lambda: Scripted(body=b"oops"), id="no JSON"),
        pytest.param(lambda: Scripted(body=b"[1, null]"), id="another JSON"),
        pytest.param(lambda: Scripted(status=500, body=b"No cluster leader"), id="an error"),
    ],
)
async def test_a_server_that_does_not_wait_is_not_asked_in_a_hot_loop(
    server: Callable[[], Scripted], subject: str
) -> None:
    stub = server()
    with serve(stub) as url:
        async with opened(url) as deployer:
            async with asyncio.timeout(30):
                while not stub.seen:  # a busy machine may not have come as far
                    await deployer.wait_for_change(PLACE, WaitIndex(subject=subject, index=7), within=0.5)
    assert len(stub.seen) <= 5


@pytest.mark.parametrize("subject", ["evaluation/00000000-0000-0000-0000-000000000000", "allocations"])
async def test_what_is_gone_ends_the_wait_but_not_at_once(agent: Agent, deployer: NomadDeployer, subject: str) -> None:
    agent.registered("another")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.timeout(30):
        await deployer.wait_for_change(PLACE, WaitIndex(subject=subject, index=1), within=60)
    assert loop.time() - begun >= 1


async def test_a_rotated_token_is_read_again(tmp_path: Path) -> None:
    nomad = Simulator(timing=NEVER, token="new")
    file = tmp_path / "token"
    file.write_text("old")
    watched = Watched(application=create_simulator_app(nomad))
    reply = nomad.seed(sample_job("web", "reg.example/app:1"))
    submission = Submission(index=reply["JobModifyIndex"], evaluation_id=reply["EvalID"])
    with serve(watched) as url:
        async with opened(url, token_file=str(file)) as deployer, opened(url, token="new") as other:
            look = await other.observe(PLACE, submission)
            with suppress(Exception):
                await deployer.wait_for_change(PLACE, WaitIndex(subject="allocations", index=1), within=0.05)
            file.write_text("new")
            task = waiting(deployer, "web", wait_index_of(look))
            await until(lambda: watched.now > 0)
            nomad.stop("web")
            await asyncio.wait_for(task, 30)
    assert "/v1/deployments" in watched.asked


async def test_waiting_goes_through_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n"))
        body = b'{"ID": "e", "ModifyIndex": 9}'
        writer.write(b"HTTP/1.1 200 OK\r\nX-Nomad-Index: 9\r\nConnection: close\r\n\r\n" + body)
        writer.close()

    asked: list[bytes] = []
    async with (
        await asyncio.start_unix_server(answer, path),
        opened(f"unix://{path}", region="eu") as deployer,
        asyncio.timeout(30),
    ):
        await deployer.wait_for_change(PLACE, WaitIndex(subject="evaluation/e", index=7), within=60)
    assert asked == [b"GET /v1/evaluation/e?namespace=default&region=eu&index=7&wait=55s HTTP/1.1\r\n"]


async def test_waiting_speaks_tls_to_the_name_that_the_certificate_has(tmp_path: Path) -> None:
    certificate = issue(tmp_path, "server.global.nomad")
    stub = Scripted(body=b'{"ID": "e", "ModifyIndex": 9}')
    with serve(stub, certificate=certificate) as url:
        known = {"ca_cert": str(certificate.ca_file), "http_auth": "user:pa:ss", "token": "t-1"}
        async with opened(url, tls_server_name="server.global.nomad", **known) as deployer, asyncio.timeout(30):
            await deployer.wait_for_change(PLACE, WaitIndex(subject="evaluation/e", index=7), within=60)
        [seen] = stub.seen
        assert (seen["authorization"], seen["x-nomad-token"]) == ("Basic dXNlcjpwYTpzcw==", "t-1")
        async with opened(url, **known) as deployer:
            await deployer.wait_for_change(PLACE, WaitIndex(subject="evaluation/e", index=7), within=0.2)
        assert len(stub.seen) == 1, "another name is not spoken to"
        async with opened(url, skip_verify=True) as deployer, asyncio.timeout(30):
            await deployer.wait_for_change(PLACE, WaitIndex(subject="evaluation/e", index=7), within=60)
