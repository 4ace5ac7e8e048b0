"""Given steps that fail at each try, then their process tells of them, until they are done or not tried any more."""

from app.services.processes.loops import Loop, Loops, LoopState, stalled
from app.services.processes.steps import KEPT, MOST, Steps


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_step_is_told_of_from_the_second_failure_in_a_row_on() -> None:
    clock = Clock()
    steps, loops = Steps(clock=clock), Loops()
    loops.add(Loop("sweep", clock=clock))
    assert loops.add(steps) is steps
    steps.failed("reconcile", "7", "ValueError: boom")
    steps.done("reconcile", "7")
    steps.failed("reconcile", "7", "ValueError: boom")
    assert loops.problem == ""
    clock.now += 5
    steps.failed("reconcile", "7", "TypeError: bang")
    assert steps.state == LoopState(
        name="reconcile 7", late=5.0, problem="TypeError: bang", is_stalled=True, is_step=True
    )
    assert loops.problem == (
        "reconcile 7 failed at each try for 5 s: TypeError: bang; this is a bug of registrywatcher: see its log"
    )
    assert loops.stuck == ""
    clock.now += KEPT - 1
    assert steps.state.is_stalled
    steps.done("reconcile", "7")
    assert steps.state == LoopState(name="steps", late=0.0, problem="", is_step=True)


def test_a_step_that_is_not_tried_any_more_is_forgotten() -> None:
    clock = Clock()
    steps = Steps(clock=clock)
    for _ in range(2):
        steps.failed("follow", "a", "boom")
    clock.now += KEPT + 1
    assert not steps.state.is_stalled
    steps.failed("follow", "a", "boom")
    assert not steps.state.is_stalled


def test_many_are_named_by_the_first_and_a_number() -> None:
    steps = Steps()
    for number in range(2 * MOST):
        for _ in range(2):
            steps.failed("reconcile", str(number), "boom")
    assert steps.state.name == f"reconcile {MOST}, reconcile {MOST + 1}, reconcile {MOST + 2} and {MOST - 3} more"


def test_a_loop_and_a_step_keep_each_its_own_cause() -> None:
    states = (
        LoopState(name="reconcile 7", late=20.0, problem="TypeError: bang", is_stalled=True, is_step=True),
        LoopState(name="poll", late=9.0, problem="Postgres is away", is_stalled=True),
    )
    assert stalled(states) == (
        "loop poll stalled for 9 s: Postgres is away. "
        "reconcile 7 failed at each try for 20 s: TypeError: bang; this is a bug of registrywatcher: see its log"
    )
