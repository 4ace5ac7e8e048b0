"""Given pushes, people, faults and time in any order, every registration is right, and all comes right in the end."""

import asyncio

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.sizes import is_long, moves
from tests.machine.rules import Machine
from tests.machine.stage import Stage

# The same runs each time; in the long tier many others, which --hypothesis-seed repeats, as does the blob of a failure.
_SETTINGS = settings(
    max_examples=moves(ci=30, long=400),
    stateful_step_count=moves(ci=40, long=50),
    derandomize=not is_long(),
    database=None,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_everything_comes_right(stage: Stage, runner: asyncio.Runner) -> None:
    machine = type("Machine", (Machine,), {"stage": stage, "runner": runner})
    run_state_machine_as_test(machine, settings=_SETTINGS)
