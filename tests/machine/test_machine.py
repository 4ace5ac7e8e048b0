"""Given pushes, people, faults and time in any order, every registration is right, and all comes right in the end."""

import asyncio
import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.rules import Machine
from tests.machine.stage import Stage

# The same runs each time; with FAULTS_LONG many others, which --hypothesis-seed repeats, as does the blob of a failure.
_IS_LONG = bool(os.environ.get("FAULTS_LONG"))

_SETTINGS = settings(
    max_examples=400 if _IS_LONG else 30,
    stateful_step_count=50 if _IS_LONG else 40,
    derandomize=not _IS_LONG,
    database=None,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_everything_comes_right(stage: Stage, runner: asyncio.Runner) -> None:
    machine = type("Machine", (Machine,), {"stage": stage, "runner": runner})
    run_state_machine_as_test(machine, settings=_SETTINGS)
