"""How much of this machine does a test get? A bar in seconds is for an idle one; on a busy one it is stretched by that.

A process beside the test computes for a few milliseconds, again and again, and writes down how long each took: on an
idle machine as long as it computed, on one with four other things to do for each processor some five times that.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

_SLICE = 0.005
_FEWEST = 5
_SAMPLER = f"""
import time
while True:
    wall, computed = time.monotonic(), time.process_time()
    while time.process_time() - computed < {_SLICE}:
        pass
    print(time.monotonic() - wall, flush=True)
    time.sleep(0.1)
"""


class Machine:
    """What the process beside has written down so far."""

    def __init__(self, samples: Path) -> None:
        self._samples = samples

    @property
    def stretch(self) -> float:
        """How many times longer something takes now than on an idle machine: 1.0 on one, and never less."""
        while len(found := self._found()) < _FEWEST:
            time.sleep(0.05)
        return max(1.0, mean(found) / _SLICE)

    def _found(self) -> list[float]:
        return [float(line) for line in self._samples.read_text().splitlines(keepends=True) if line.endswith("\n")]


@contextmanager
def machine() -> Iterator[Machine]:
    """The machine, watched from here on."""
    with TemporaryDirectory() as directory:
        samples = Path(directory) / "samples"
        with samples.open("wb") as out:
            sampler = subprocess.Popen([sys.executable, "-I", "-S", "-c", _SAMPLER], stdout=out)
        try:
            yield Machine(samples)
        finally:
            sampler.kill()
            sampler.wait()
