"""Given a worker is killed with SIGKILL at a step, then another worker finishes its work, and nothing is done twice."""

import asyncio
from collections import defaultdict
from pathlib import Path

from app.simulators.nomad.timing import Timing
from tests.cluster import Cluster, cluster, until
from tests.faults.delivery_sender import DeliverySender
from tests.faults.flags import Flags
from tests.faults.oracle import Shown, faults, last, registered
from tests.faults.outcomes import Outcomes, reading
from tests.faults.proof import Proven
from tests.faults.sizes import moves
from tests.machine_load import machine

STEPS = (
    "after:targets.claim",
    "after:registries.tags",
    "after:registries.manifest",
    "after:deployer.inspect",
    "before:targets.settle",
    "after:targets.settle",
    "before:deployer.submit",
    "after:deployer.submit",
    "before:targets.submitted",
    "after:targets.submitted",
    "after:rollouts.claim",
    "after:deployer.observe",
    "before:rollouts.wait",
    "before:rollouts.end",
    "after:rollouts.end",
)
_BEFORE_REGISTERED = STEPS[: STEPS.index("after:deployer.submit")]
ROUNDS = moves(ci=1, long=10)
WITHIN = 10.0
_WORKERS = 8
_PUSHES = 5

NAMES = [f"r{number:02}" for number in range(14)]
TIMES = ROUNDS * len(NAMES)  # for each step: each repository is killed at each step once a round


async def test_killed_at_each_step_another_finishes_it(
    server_directory: Path, database_url: str, redis_url: str, proven: Proven
) -> None:
    settings = 'poll_interval = "1h"'
    with (
        machine() as pace,
        cluster(
            server_directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings=settings
        ) as ours,
    ):
        flags = Flags(server_directory / "flags")
        ours.start("web")
        ours.start_module("tests.faults.killing_worker", str(flags.directory), str(_WORKERS))
        async with DeliverySender(ours) as sender, reading(database_url) as outcomes:
            story = _Story(ours, flags, sender, outcomes)
            await asyncio.gather(*(story.kill_at_each_step(name) for name in NAMES))
        for step in STEPS:
            took = sorted(story.took[step])
            print(f"{step:28} {len(took)} kills, finished after p50 {took[len(took) // 2]:.1f} s, max {took[-1]:.1f} s")
        assert {step: len(story.took[step]) for step in STEPS} == dict.fromkeys(STEPS, TIMES)
        print(f"stretch {pace.stretch:.1f}")
        assert [step for step in STEPS if max(story.took[step]) > WITHIN * pace.stretch] == []
        assert faults(ours, {name: story.pushed[name][-1] for name in NAMES}) == []
        for name in NAMES:
            assert [registered(entry) for entry in ours.nomad.ledger.entries(job=name)] == story.pushed[name]
        slowest = max(max(story.took[step]) for step in STEPS)
        proven(
            moves=sum(map(len, story.pushed.values())),
            met=TIMES * len(STEPS),
            right_after=round(slowest, 1),
            stretch=round(pace.stretch, 1),
        )


class _Story:
    """Pushes to each repository, one kill per push, all repositories concurrently."""

    def __init__(self, ours: Cluster, flags: Flags, sender: DeliverySender, outcomes: Outcomes) -> None:
        self._ours, self._flags, self._sender, self._outcomes = ours, flags, sender, outcomes
        self._healthy_after(1.0)
        self.took: dict[str, list[float]] = defaultdict(list)
        self.pushed: dict[str, list[Shown]] = {name: [] for name in NAMES}

    async def kill_at_each_step(self, name: str) -> None:
        offset = NAMES.index(name)
        await until(lambda: name in self._outcomes.quiet, f"{name} was looked at first", within=90)
        for number in range(ROUNDS * len(STEPS)):
            await self._kill(name, STEPS[(number + offset) % len(STEPS)])

    async def _kill(self, name: str, step: str) -> None:
        """Push until the step was reached: on a busy machine a rollout may end before its first `wait`, so that
        deployments are made to take longer for the next."""
        self._flags.arm(step, name)
        for _ in range(_PUSHES):
            healthy = self._healthy
            final = await self._push(name)
            ended_at = await self._deployed(name, final, step)
            if killed_at := self._flags.killed_at(step, name):
                registered_at = self._ours.nomad.ledger.entries(job=name)[-1].time
                done_at = registered_at if step in _BEFORE_REGISTERED else ended_at
                self.took[step].append(max(0.0, done_at - killed_at))
                return
            self._healthy_after(max(self._healthy, 2 * healthy))
        raise AssertionError(f"{step}@{name} was not met by {_PUSHES} pushes")

    async def _deployed(self, name: str, final: Shown, step: str) -> float:
        """Wait for the registration, the end of its rollout, and quiet; returns when the rollout ended."""
        await until(lambda: last(self._ours, name) == final, f"{final} by {step}@{name}", within=120)
        ended_at = await until(
            lambda: self._outcomes.ended_at(final.digest), f"end of {final} by {step}@{name}", within=60
        )
        await until(lambda: name in self._outcomes.quiet, f"quiet after {step}@{name}", within=120)
        return float(ended_at)

    def _healthy_after(self, seconds: float) -> None:
        self._healthy = seconds
        self._ours.nomad.set_timing(Timing(evaluation=0.05, healthy=seconds))

    async def _push(self, name: str) -> Shown:
        tag = f"v1.{len(self.pushed[name]) + 1}.0"
        pushed = Shown(tag=tag, digest=await self._sender.push(name, tag, f"{name} {tag}"))
        self.pushed[name].append(pushed)
        return pushed
