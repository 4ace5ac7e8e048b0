"""Measures how busy this machine is. A time limit in a test holds for an idle machine and is stretched on a busy one.

A process beside the test computes for a few milliseconds at a time and records how long each run took. On an idle
machine a run takes as long as it computes; with four other tasks per processor, about five times as long.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

BUSY = 2.0  # a stretch from which on a machine may be too busy to answer or to store within a second
_SLICE = 0.005
_FEWEST = 5
_SAMPLER = f"""
import time
while True:
    wall, computed = time.monotonic(), time.process_time()
    while time.process_time() - computed < {_SLICE}:
        pass
    print(time.monotonic() - wall, flush=True)
    time.sleep(0.2)
"""


class Machine:
    """The samples that the measuring process has recorded so far."""

    def __init__(self, samples: Path) -> None:
        self._samples = samples

    @property
    def stretch(self) -> float:
        """How many times longer work takes now than on an idle machine; at least 1.0."""
        while len(found := self._found()) < _FEWEST:
            time.sleep(0.05)
        return max(1.0, mean(found) / _SLICE)

    def _found(self) -> list[float]:
        return [float(line) for line in self._samples.read_text().splitlines(keepends=True) if line.endswith("\n")]


@contextmanager
def machine() -> Iterator[Machine]:
    """Start measuring; stops on exit."""
    with TemporaryDirectory() as directory:
        samples = Path(directory) / "samples"
        with samples.open("wb") as out:
            sampler = subprocess.Popen([sys.executable, "-I", "-S", "-c", _SAMPLER], stdout=out)
        try:
            yield Machine(samples)
        finally:
            sampler.kill()
            sampler.wait()
