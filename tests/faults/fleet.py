"""Many jobs on one line in this process. Their tags move while Nomad fails; the result is checked at the end.

The test waits for each move in Nomad's ledger before the next move of the same job, so the expected registrations are
known exactly. Our own tables are read only to pace the test and to check the recorded outcomes.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from app.errors import StoreUnavailable
from app.simulators.nomad import Simulator, Timing, sample_job
from tests.fakes.registry import MemoryRegistry
from tests.fakes.waker import Step
from tests.faults.oracle import Shown, registered
from tests.faults.outcomes import Outcomes, reading
from tests.faults.random_faults import Chances
from tests.line import Line, line

NAMES = tuple(f"r{number:02}" for number in range(40))
FEW = NAMES[:24]  # for what is no class of the bars
TASK = "server"
PATIENCE = 120.0

_EVERY = 0.1


class Fleet:
    """Jobs `names`, each watched under its own name. `moves` are the pushes of each, oldest first."""

    def __init__(self, running: Line, registry: MemoryRegistry, outcomes: Outcomes, names: Sequence[str]) -> None:
        self.line = running
        self.registry = registry
        self.names = names
        self.random = random.Random(4)
        self.moves: dict[str, list[Shown]] = defaultdict(list)
        self._outcomes = outcomes
        self._registered: dict[str, list[Shown]] = defaultdict(list)
        self._read_to = 0

    @property
    def nomad(self) -> Simulator:
        return self.line.nomad

    async def open(self, job: Callable[[str, str], Any], **watch: Any) -> None:
        """Register `job(name, image)` in Nomad for each name, running v1.0.0; watch and check them."""
        for name in self.names:
            digest = self.registry.push(f"team/{name}", "v1.0.0", f"{name} first")
            self.nomad.seed(job(name, f"{self.line.host}/team/{name}:v1.0.0@{digest}"))
        await self.line.configure(*(self.line.watch(name, **watch) for name in self.names))
        for name in self.names:
            await self.line.checked(name)
        await self.quiet(*self.names)

    def registered(self, name: str) -> list[Shown]:
        """Our registrations of the job by the ledger, oldest first."""
        for entry in self.nomad.ledger.entries(since=self._read_to):
            self._registered[entry.job].append(registered(entry, TASK))
            self._read_to = entry.sequence
        return self._registered[name]

    def runs(self, name: str) -> str:
        """The digest that the job names now."""
        image: str = self.nomad.job(name)["TaskGroups"][0]["Tasks"][0]["Config"]["image"]
        return image.partition("@")[2]

    async def move(self, name: str) -> Shown:
        """Push and notify, by turns: a new release; the same tag with new content; the same tag with its first content
        again."""
        number = len(self.moves[name])
        return await self.push(name, f"v1.{number // 3 + 1}.0", f"{name} {number // 3} {number % 3 % 2}")

    async def push(self, name: str, tag: str, content: str) -> Shown:
        """Push and notify."""
        digest = self.registry.push(f"team/{name}", tag, content)
        self.moves[name].append(Shown(tag=tag, digest=digest))
        await self.deliver(name)
        return self.moves[name][-1]

    async def deliver(self, name: str) -> None:
        """Deliver the event of the job's newest move."""
        newest = self.moves[name][-1]
        await self.line.deliver(f"team/{name}", newest.tag, newest.digest)

    async def arrives(self, name: str) -> None:
        """Wait until the job's newest move is registered as often as it was made."""
        desired = self.moves[name]
        await self.until(
            lambda: len(self.registered(name)) >= len(desired) and self.registered(name)[-1] == desired[-1],
            lambda: f"{name}: {desired[-1]} is registered, after {self.registered(name)[-3:]}",
        )

    async def quiet(self, *names: str) -> None:
        """Wait until no work is left for these jobs."""
        desired, known = frozenset(names), self._outcomes
        begun = known.reads + 1  # a running read may miss a target that became due just now
        await self.until(
            lambda: known.reads > begun and known.quiet >= desired,
            lambda: f"nothing under way: {desired - known.quiet}",
        )

    async def until(self, condition: Callable[[], Any], what: Callable[[], str]) -> None:
        """Wait until the condition is true; a failure shows the state of everything."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not condition():
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"not within {PATIENCE:g} s: {what()}; under way: {await self._under_way()}")
            await asyncio.sleep(_EVERY)

    async def _under_way(self) -> list[Any]:
        """The state of the line, to explain a failed wait."""
        return await self.line.rows.under_way()

    async def at_each(self, work: Callable[[str], Coroutine[Any, Any, object]]) -> None:
        """Run the work for all jobs concurrently."""
        async with asyncio.TaskGroup() as group:
            for name in self.names:
                group.create_task(work(name))

    async def move_all(self, times: int) -> None:
        """Move each job's tag that many times; the next move comes as soon as one is registered, or when all is
        quiet."""

        async def move(name: str) -> None:
            for _ in range(times):
                await self.move(name)
                await self.arrives(name)
                if self.random.random() < 0.5:
                    await self.quiet(name)

        await self.at_each(move)

    async def recover(self, chances: Chances) -> None:
        """Stop all faults; wait until no work is left."""
        chances.clear()
        await self.quiet(*self.names)

    def differences(self) -> list[str]:
        """Jobs whose registrations are not exactly the moves, each one time and in order."""
        return [
            f"{name}: registered {self.registered(name)}, moved {self.moves[name]}"
            for name in self.names
            if self.registered(name) != self.moves[name]
        ]

    def posts(self) -> int:
        """How many registrations reached Nomad, accepted or refused."""
        return sum(self.nomad.ledger.requests[f"POST /v1/job/{name}"] for name in self.names)

    async def outcomes(self, name: str) -> list[tuple[str, str]]:
        """(digest, outcome) of the job's registered rollouts, oldest first, by our own tables."""
        return await self.line.rows.outcomes_by_digest(name)

    async def unregistered(self) -> list[str]:
        """The outcomes of all rollouts that were never registered."""
        return [each["outcome"] for each in await self.line.rows.rollouts() if each["submission_index"] is None]


def plain_job(name: str, image: str) -> Any:
    """A job of one task."""
    return sample_job(name, image, task=TASK)


@asynccontextmanager
async def fleet(
    database_url: str,
    job: Callable[[str, str], Any] = plain_job,
    *,
    names: Sequence[str] = NAMES,
    timing: Timing | None = None,
    **settings: Any,
) -> AsyncIterator[Fleet]:
    """The fleet at rest, on its own line. At the end every rollout must have one outcome and one notification."""
    nomad = Simulator(timing=timing or Timing(evaluation=0.01, healthy=0.05))
    registry = MemoryRegistry()
    async with (
        line(database_url, nomad=nomad, instead=registry, **settings) as running,
        reading(database_url) as outcomes,
    ):
        running.waker.steps = {name: _as_a_worker(step) for name, step in running.waker.steps.items()}
        opened = Fleet(running, registry, outcomes, names)
        await opened.open(job)
        yield opened


def _as_a_worker(step: Step) -> Step:
    """An overloaded Postgres is no error of the step: the row stays due, and the sweeper wakes it again."""

    async def run(key: str) -> None:
        with suppress(StoreUnavailable):
            await step(key)

    return run


def total(parts: Iterable[Collection[object]]) -> int:
    """The sum over all parts."""
    return sum(len(part) for part in parts)
