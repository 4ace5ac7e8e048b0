"""Given people who stop or purge jobs during their deployments, then those rollouts end as stopped; when the jobs are
started again, they are watched again."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.simulators.nomad import Fate, Timing
from app.simulators.nomad.faults import FaultAction, NomadFault
from tests.faults.fleet import NAMES, Fleet, fleet, plain_job, total
from tests.faults.proof import Proven
from tests.faults.random_faults import Chance, Chances
from tests.faults.sizes import moves

ROUNDS = moves(ci=3, long=25)  # with two moves of each of 40 jobs
AN_HOUR = 3600.0


class _Story:
    """One job: a release that is stopped during its rollout, the job started again, and a good release.

    `expected` are the resulting registrations, and how each may have ended.
    """

    def __init__(self, ours: Fleet, name: str) -> None:
        self._ours = ours
        self._name = name
        self._number = int(name[1:])
        self.expected: list[tuple[str, set[str]]] = []

    async def run(self) -> None:
        for number in range(ROUNDS):
            await self._is_stopped(2 * number + 1)
            await self._comes(2 * number + 2, {"succeeded"})
            await self._ours.quiet(self._name)

    async def _is_stopped(self, number: int) -> None:
        """Stopped or purged at any moment after its registration; started again with its last or an old image."""
        ours, name = self._ours, self._name
        kind = self._number + number // 2
        is_purged, is_hasty, is_last = kind % 2 == 0, kind % 5 == 0, kind % 3 == 0
        ours.nomad.judge(f"team/{name}:v1.{number}.0@", Fate.NEVER_HEALTHY)
        long_ago = plain_job(name, f"{ours.line.host}/team/{name}:v1.0.0")
        # Started again at once with our image, it is the same rollout to its end.
        again = {"superseded", "succeeded"} if is_last else {"superseded"}
        await self._comes(number, {"stopped"} | again if is_hasty else {"stopped"})
        await asyncio.sleep(ours.random.uniform(0, 0.3))  # the moment of the fault
        stopped = ours.nomad.job(name)
        ours.nomad.stop(name, purge=is_purged)
        if not is_hasty:
            await ours.quiet(name)
        ours.nomad.pardon(f"team/{name}:v1.{number}.0@")
        ours.nomad.seed({**stopped, "Stop": False} if is_last else long_ago)
        await ours.until(_is_settled(ours, name), lambda: f"{name} runs again")

    async def _comes(self, number: int, outcomes: set[str]) -> None:
        release = await self._ours.push(self._name, f"v1.{number}.0", f"{self._name} {number}")
        self.expected.append((release.digest, outcomes))
        await self._ours.arrives(self._name)


def _is_settled(ours: Fleet, name: str) -> Callable[[], Any]:
    def over() -> bool:
        with ours.nomad.at_work():
            deployment = ours.nomad.record(name).latest_deployment
            return deployment is not None and not deployment.active

    return over


@pytest.mark.usefixtures("quiet_logs")
async def test_jobs_stopped_during_rollouts_end_as_stopped(database_url: str, proven: Proven) -> None:
    timing = Timing(evaluation=0.01, healthy=0.05, healthy_deadline=AN_HOUR, progress_deadline=2 * AN_HOUR)
    async with fleet(database_url, timing=timing) as ours:
        # Some are stopped between our registration and Nomad's answer.
        late = NomadFault(action=FaultAction.HANG, method="POST", path="/v1/job/r??", seconds=0.3, after=True)
        chances = ours.nomad.faults = Chances(Chance(fault=late, share=0.3))
        stories = {name: _Story(ours, name) for name in NAMES}
        await ours.at_each(lambda name: stories[name].run())
        await ours.recover(chances)
        assert sum(len(story.expected) for story in stories.values()) >= moves(ci=200, long=2000)
        for name, story in stories.items():
            assert ours.registered(name) == ours.moves[name]
            ended = await ours.outcomes(name)
            assert [digest for digest, _ in ended] == [digest for digest, _ in story.expected]
            for (_, outcome), (_, allowed) in zip(ended, story.expected, strict=True):
                assert outcome in allowed, (name, ended)
            assert ours.runs(name) == ours.moves[name][-1].digest
        assert await ours.unregistered() == []
        proven(moves=total(ours.moves.values()), met=chances.struck)
