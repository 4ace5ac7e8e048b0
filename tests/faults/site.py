"""Real processes with the health address of each: what /readyz says while a fault lasts, and after it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx

from app.simulators.nomad.timing import Timing
from tests.cluster import Cluster, Process, until
from tests.faults.arrival import WITHIN
from tests.machine_load import Machine, machine
from tests.servers.no_tls import NO_TLS
from tests.servers.ports import free_port

START = 60.0

Answer = tuple[int, dict[str, Any]]


class Site:
    """The processes of one cluster, each with its health address."""

    def __init__(self, ours: Cluster, client: httpx.AsyncClient, pace: Machine) -> None:
        self.ours = ours
        self.pace = pace
        self.client = client
        self.health: dict[str, str] = {}

    def start(self, kind: str, *, port: int | None = None, env: Mapping[str, str] | None = None) -> Process:
        """Start a process; a web listens on `port` if that is given."""
        if kind == "web":
            process = self.ours.start(kind, port=port, env=env)
            self.health[process.name] = process.url
            return process
        port = free_port()
        process = self.ours.start(kind, "--health-address", f"127.0.0.1:{port}", env=env)
        self.health[process.name] = f"http://127.0.0.1:{port}"
        return process

    def restart(self, process: Process) -> Process:
        """Start another process of the same kind; a web listens where the former one did."""
        kind = process.name.partition("-")[0]
        return self.start(kind, port=int(process.url.rpartition(":")[2]) if process.url else None)

    def running(self, *kinds: str) -> list[Process]:
        """The processes of these kinds that run, oldest first."""
        return [each for each in self.ours.processes if each.running and each.name.partition("-")[0] in kinds]

    async def answer_of(self, name: str, path: str = "/readyz") -> Answer:
        """(status, answer) of a process; (0, {}) while nothing answers."""
        try:
            answer = await self.client.get(self.health[name] + path)
        except httpx.HTTPError:
            return 0, {}
        return answer.status_code, answer.json()

    async def until(self, condition: Callable[[], Any], what: Callable[[], object] | str, *, within: float) -> None:
        """Wait until it is true; `within` is in seconds for an idle machine, and longer on a busy one."""
        await until(condition, what, within=within * self.pace.stretch)

    async def all_ready(self, within: float = WITHIN) -> None:
        """Every process is ready, without any outage, within that many seconds of an idle machine."""
        for name in [each.name for each in self.ours.processes if each.running]:
            answers: list[Answer] = []

            async def ready(name: str = name, answers: list[Answer] = answers) -> bool:
                answers[:] = [await self.answer_of(name)]
                return answers[0][0] == 200 and answers[0][1]["message"] == "ready"

            await self.until(ready, partial(_not_ready, name, answers), within=within)

    async def outages(self, name: str) -> list[str]:
        """The outages that a web process shows, as "name: problem", while it is ready itself."""
        status, answer = await self.answer_of(name)
        return [f"{each['name']}: {each['problem']}" for each in answer["outages"]] if status == 200 else []

    async def unready(self, *message: str, within: float = WITHIN) -> None:
        """Every running process answers with these words that it cannot work, and is still alive."""
        for name in [each.name for each in self.ours.processes if each.running]:

            async def shown(name: str = name) -> bool:
                status, answer = await self.answer_of(name)
                return status == 503 and all(part in answer["message"] for part in message)

            await self.until(shown, f"{name} is not ready: {message}", within=within)
            assert (await self.answer_of(name, "/healthz"))[0] == 200


def _not_ready(name: str, answers: list[Answer]) -> str:
    return f"{name} is ready; it answers {answers}"


@asynccontextmanager
async def site(ours: Cluster, *kinds: str) -> AsyncIterator[Site]:
    ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
    with machine() as pace:
        async with httpx.AsyncClient(verify=NO_TLS, timeout=5, trust_env=False) as client:
            made = Site(ours, client, pace)
            for kind in kinds:
                made.start(kind)
            await made.all_ready(within=START)
            yield made
