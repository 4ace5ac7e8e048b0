"""Runs a check on examples of Hypothesis: a few fixed ones in CI, new ones for FUZZ_SECONDS in the long tier."""

import os
import time
import warnings
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.strategies import SearchStrategy

from tests.faults.sizes import seed

EXAMPLES = 60
_ROUND = 300


def fuzz(name: str, check: Callable[[Any], None], examples: SearchStrategy[Any]) -> None:
    """Run `check` on each example; a failure prints the smallest one, and `name` with the seed to try it again."""
    count = 0

    def counted(example: Any) -> None:
        nonlocal count
        count += 1
        check(example)

    budget = float(os.environ.get("FUZZ_SECONDS", "0"))
    ends_at, number = time.monotonic() + budget, 0
    while True:
        number += 1
        run = settings(
            max_examples=_ROUND if budget else EXAMPLES,
            derandomize=not budget,
            database=None,
            deadline=None,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )(given(examples)(counted))
        try:
            with warnings.catch_warnings():
                # The web process, in another thread, uses Python's random numbers while an example is drawn.
                warnings.filterwarnings("ignore", "Do not use the `random` module")
                (seeded(seed() * 1_000_000 + number)(run) if budget else run)()
        except BaseException as error:
            error.add_note(f"{name}: round {number} of FAULTS_SEED={seed()}, FUZZ_SECONDS={budget:g}")
            raise
        if time.monotonic() >= ends_at:
            break
    print(f"{name}: {count} examples in {number} rounds, seed {seed()}")
