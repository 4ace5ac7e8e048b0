"""The Nomad of the machine: a simulator with a clock that only the machine moves, and that can be restored."""

import time
from pathlib import Path
from typing import Any

from app.simulators.nomad import Fate, Simulator, Timing, create_simulator_app, sample_job
from app.simulators.nomad.persistence import load, save

_TIMING = Timing(healthy=1.0, healthy_deadline=5.0, progress_deadline=10.0)
# Its clock is ahead of Postgres' in every run: what somebody changes counts as changed when a check finds it.
_AHEAD = 3600.0


class MachineNomad:
    """An ASGI application: the API of `simulator`, which a restore replaces by one with an older state."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "snapshot.json"
        self._seconds = time.time() + _AHEAD
        self.simulator = Simulator(clock=lambda: self._seconds)
        self.reset(())

    def reset(self, failing: tuple[str, ...]) -> None:
        """An empty Nomad, in which the `failing` digests never run. No snapshot is left."""
        self._failing = failing
        self._file.unlink(missing_ok=True)
        self._use(self._empty())

    def seed(self, job: str, image: str) -> None:
        """Register a job with one allocation, before the machine begins."""
        self.simulator.seed(sample_job(job, image))
        self.work(60.0)

    def work(self, seconds: float) -> None:
        """Let that much time pass in Nomad."""
        self._seconds += seconds
        with self.simulator.at_work():
            pass

    def image(self, job: str) -> str:
        """The image that the job specifies."""
        return str(self.simulator.job(job)["TaskGroups"][0]["Tasks"][0]["Config"]["image"])

    def index(self, job: str) -> int:
        """The job's JobModifyIndex."""
        return int(self.simulator.job(job)["JobModifyIndex"])

    def snapshot(self) -> None:
        """Keep the present state; it replaces the one kept before."""
        save(self.simulator, self._file)

    @property
    def has_snapshot(self) -> bool:
        """Whether a state is kept."""
        return self._file.exists()

    def restore(self) -> None:
        """Put the kept state back, as `nomad operator snapshot restore` does."""
        restored = self._empty()
        load(restored, self._file)
        restored.ledger = self.simulator.ledger
        self._use(restored)

    def _empty(self) -> Simulator:
        simulator = Simulator(timing=_TIMING, clock=lambda: self._seconds)
        for digest in self._failing:
            simulator.judge(digest, Fate.EXITS_NONZERO)
        return simulator

    def _use(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._app = create_simulator_app(simulator)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)
