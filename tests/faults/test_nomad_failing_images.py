"""Given images that fail, in a Nomad that loses some answers, then each is registered once, and once more when a person
releases it; each time the previous image comes back."""

from typing import Any

import pytest

from app.simulators.nomad import Fate, Timing, sample_job
from app.simulators.nomad.faults import FaultAction, NomadFault
from tests.faults.fleet import NAMES, TASK, Fleet, fleet, total
from tests.faults.proof import Proven
from tests.faults.random_faults import Chance, Chances
from tests.faults.sizes import moves

ROUNDS = moves(ci=3, long=25)  # with two moves of each of 40 jobs
_FATES = (Fate.EXITS_NONZERO, Fate.PULL_FAILS, Fate.NEVER_HEALTHY)


def _is_reverted_by_nomad(name: str) -> bool:
    return int(name[1:]) % 2 == 1


def _job(name: str, image: str) -> Any:
    """Every other job is reverted by Nomad itself, the rest is undone by us."""
    return sample_job(name, image, task=TASK, auto_revert=_is_reverted_by_nomad(name))


class _Story:
    """One job, repeatedly: a release that fails, its event again, perhaps a release of the hold, and a good release.

    `expected` are the resulting registrations, and how each must have ended.
    """

    def __init__(self, ours: Fleet, name: str) -> None:
        self._ours = ours
        self._name = name
        self._good = ours.runs(name)
        self.expected: list[tuple[str, str]] = []

    async def run(self) -> None:
        for number in range(ROUNDS):
            await self._fails(2 * number + 1)
            if (number + int(self._name[1:])) % 4 == 0:
                await self._ours.line.release(self._name)
                await self._is_back()
            good = await self._ours.push(self._name, f"v1.{2 * number + 2}.0", f"{self._name} good {number}")
            await self._comes_to((good.digest, "succeeded"))
            self._good = good.digest

    async def _fails(self, number: int) -> None:
        ours, name = self._ours, self._name
        ours.nomad.judge(f"team/{name}:v1.{number}.0@", _FATES[(number + int(name[1:])) % 3])
        await ours.push(name, f"v1.{number}.0", f"{name} bad {number}")
        await self._is_back()
        await ours.deliver(name)
        await ours.quiet(name)

    async def _is_back(self) -> None:
        """The newest release was tried again and failed; the last good one is back."""
        tried = (self._ours.moves[self._name][-1].digest, "failed")
        back = () if _is_reverted_by_nomad(self._name) else ((self._good, "succeeded"),)
        await self._comes_to(tried, *back)
        assert self._ours.runs(self._name) == self._good

    async def _comes_to(self, *registrations: tuple[str, str]) -> None:
        ours, name = self._ours, self._name
        self.expected += registrations
        await ours.until(
            lambda: len(ours.registered(name)) >= len(self.expected),
            lambda: f"{name}: {self.expected} is registered, after {ours.registered(name)}",
        )
        await ours.quiet(name)


@pytest.mark.usefixtures("quiet_logs")
async def test_failing_images_are_registered_once_and_undone(database_url: str, proven: Proven) -> None:
    timing = Timing(evaluation=0.01, healthy=0.05, healthy_deadline=0.1)
    async with fleet(database_url, _job, timing=timing) as ours:
        lost = Chance(
            fault=NomadFault(action=FaultAction.RESET, method="POST", path="/v1/job/r??", after=True), share=0.2
        )
        leaderless = Chance(fault=NomadFault(action=FaultAction.STATUS, text="No cluster leader"), share=0.02)
        chances = ours.nomad.faults = Chances(lost, leaderless)
        stories = {name: _Story(ours, name) for name in NAMES}
        await ours.at_each(lambda name: stories[name].run())
        await ours.recover(chances)
        assert sum(len(story.expected) for story in stories.values()) >= moves(ci=200, long=2000)
        for name, story in stories.items():
            assert [each.digest for each in ours.registered(name)] == [digest for digest, _ in story.expected]
            assert await ours.outcomes(name) == story.expected
            assert ours.runs(name) == story.expected[-1][0]
        assert await ours.unregistered() == []
        proven(moves=total(ours.moves.values()), met=chances.struck)
