"""Given others who change the jobs between our reads and our writes while hundreds of tags move, then none of their
changes is lost, and each move is registered exactly once, in order."""

import random
from collections import Counter
from typing import Any

import pytest

from app.simulators.nomad import Simulator, sample_job
from app.simulators.nomad.faults import FaultAction, NomadFault
from tests.faults.fleet import NAMES, TASK, fleet, total
from tests.faults.proof import Proven
from tests.faults.random_faults import Chance, Chances
from tests.faults.sizes import moves

MOVES = moves(ci=5, long=50)  # of each of 40 jobs
SHARE = 0.07  # share of all requests: a rollout has five to ten
BESIDE = "beside"


def _job(name: str, image: str) -> Any:
    """A job with a task beside the watched one."""
    job = sample_job(name, image, task=TASK)
    tasks = job["TaskGroups"][0]["Tasks"]
    tasks.append({**tasks[0], "Name": BESIDE, "Config": {"image": "proxy:0"}})
    return job


class _Others:
    """An autoscaler and a person, who change a job when a request about it arrives."""

    def __init__(self, nomad: Simulator) -> None:
        self._nomad = nomad
        self._random = random.Random(4)
        self.scaled = Counter(dict.fromkeys(NAMES, 1))
        self.beside = Counter(dict.fromkeys(NAMES, 0))

    @property
    def changes(self) -> int:
        return self.scaled.total() - len(NAMES) + self.beside.total()

    def meddle(self, _method: str, path: str) -> None:
        """Sometimes change the job in the path; each change increments a counter, so a lost change is detected."""
        name = next((part for part in path.split("/") if part in self.scaled), None)
        if name is None or self._random.random() >= SHARE:
            return
        if self._random.random() < 0.5:
            self.scaled[name] += 1
            self._nomad.scale(name, count=self.scaled[name])
        else:
            self.beside[name] += 1
            self._nomad.set_image(name, group="app", task=BESIDE, image=f"proxy:{self.beside[name]}")


@pytest.mark.usefixtures("quiet_logs")
async def test_concurrent_changes_by_others_are_not_lost(database_url: str, proven: Proven) -> None:
    async with fleet(database_url, _job) as ours:
        others = _Others(ours.nomad)
        # A slow post can be overtaken by others.
        slow = Chance(fault=NomadFault(action=FaultAction.HANG, method="POST", seconds=0.1), share=0.3)
        chances = ours.nomad.faults = Chances(slow, meanwhile=others.meddle)
        await ours.move_all(MOVES)
        await ours.recover(chances)
        assert ours.differences() == []
        assert total(ours.moves.values()) >= MOVES * len(NAMES)
        assert others.changes > 150
        for name in NAMES:
            (group,) = ours.nomad.job(name)["TaskGroups"]
            beside = next(task["Config"]["image"] for task in group["Tasks"] if task["Name"] == BESIDE)
            assert (group["Count"], beside) == (others.scaled[name], f"proxy:{others.beside[name]}")
            assert ours.runs(name) == ours.moves[name][-1].digest
            # We do not judge a deployment that another registration replaced.
            ended = await ours.outcomes(name)
            assert [digest for digest, _ in ended] == [move.digest for move in ours.moves[name]]
            assert {outcome for _, outcome in ended} <= {"succeeded", "superseded"}
        assert set(await ours.unregistered()) <= {"superseded"}
        assert ours.posts() > MOVES * len(NAMES) + 2 * MOVES, "hardly any of our posts was overtaken"
        proven(moves=total(ours.moves.values()), met=others.changes)
