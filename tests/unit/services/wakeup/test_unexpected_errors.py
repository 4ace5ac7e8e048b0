"""Given what waits in the background of a process, when something that nobody foresaw is raised, then it goes on."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from app.domain.deployment import WaitIndex
from app.domain.watch import JobPlace
from app.errors import StoreSilent, StoreUnavailable
from app.services.config.reload import Reloader
from app.services.processes.steps import Steps
from app.services.reconcile.lease import held
from app.services.rollout.wait_for_change import ChangeWaiter
from tests.fakes.deployer import UnusedDeployer
from tests.fakes.waker import InProcessWaker
from tests.processes import until
from workers.actors import LoggedProblems, _guarded

PLACE = JobPlace(region="", namespace="default", job_id="app")
WAIT_INDEX = WaitIndex(subject="deployment/1", index=1)
BUGS = [RuntimeError("a bug"), KeyError("ID"), asyncio.CancelledError(), ExceptionGroup("several", [ValueError()])]


@pytest.fixture(autouse=True)
def no_tracebacks() -> Iterator[None]:
    """To print one takes longer than everything else here."""
    with capture_logs():
        yield


def named(error: BaseException) -> str:
    return type(error).__name__


class Rollouts:
    """Rollouts of which the first calls raise what the test gives."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.kept = 0
        self.woken: list[UUID] = []

    async def extend(self, rollout_ids: list[UUID], *, seconds: float) -> list[UUID]:
        self._raise()
        self.kept += 1
        return rollout_ids

    async def wake(self, rollout_id: UUID) -> None:
        self._raise()
        self.woken.append(rollout_id)

    def _raise(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


class Deployer(UnusedDeployer):
    """A deployer whose waiting raises, or never ends."""

    def __init__(self, error: BaseException | None = None) -> None:
        self._error = error

    async def wait_for_change(self, place: JobPlace, wait_index: WaitIndex, *, within: float) -> None:
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()


@pytest.mark.parametrize("error", BUGS, ids=named)
async def test_what_breaks_while_a_rollout_is_waited_for_wakes_it(error: BaseException) -> None:
    rollouts, rollout_id = Rollouts(), uuid4()
    waiter = ChangeWaiter(rollouts, Deployer(error), InProcessWaker(), blind_for=0.0)  # type: ignore[arg-type]
    with capture_logs() as logs:
        waiter.begin(rollout_id, PLACE, WAIT_INDEX, within=60)
        await until(lambda: rollouts.woken, "it is woken", within=60)
    assert rollouts.woken == [rollout_id]
    assert [each["event"] for each in logs] == ["rollout.wait_failed"]
    await waiter.aclose()


@pytest.mark.parametrize("error", [*BUGS, StoreUnavailable("outages")], ids=named)
async def test_what_is_waited_for_is_kept_after_any_error(error: BaseException) -> None:
    rollouts = Rollouts(error)
    waiter = ChangeWaiter(rollouts, Deployer(), InProcessWaker())  # type: ignore[arg-type]
    waiter.begin(uuid4(), PLACE, WAIT_INDEX, within=60)
    running = asyncio.create_task(waiter.run(0.001))
    await until(lambda: rollouts.kept > 1, "it is kept", within=60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await waiter.aclose()


@pytest.mark.parametrize("error", [*BUGS, StoreUnavailable("outages")], ids=named)
async def test_a_lease_is_renewed_after_any_error(error: BaseException) -> None:
    class Looks:
        renewed = 0

        async def renew(self, claim: object, seconds: float) -> bool:
            if errors:
                raise errors.pop()
            self.renewed += 1
            return True

    errors, targets = [error], Looks()
    async with held(targets, object(), 0.03):  # type: ignore[arg-type]
        await until(lambda: targets.renewed > 1, "it is renewed", within=60)


async def test_a_lost_lease_is_renewed_no_more() -> None:
    class Looks:
        asked = 0

        async def renew(self, claim: object, seconds: float) -> bool:
            self.asked += 1
            return False

    targets = Looks()
    async with held(targets, object(), 0.003):  # type: ignore[arg-type]
        await until(lambda: targets.asked, "it is asked", within=60)
        for _ in range(100):
            await asyncio.sleep(0)
    assert targets.asked == 1


async def test_a_file_that_cannot_even_be_looked_at_makes_nobody_deaf() -> None:
    looked = asyncio.Semaphore(0)
    errors: list[Exception] = [RuntimeError("a bug")]
    applied = asyncio.Event()

    def changed() -> bool:
        looked.release()
        if errors:
            raise errors.pop()
        return True

    async def apply(_loaded: object) -> None:
        applied.set()

    reloader: Reloader[Any] = Reloader(object, apply, changed=changed)
    running = asyncio.create_task(reloader.run(interval=0.001))
    async with asyncio.timeout(10):
        await applied.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


class Step:
    """A step that raises what the test gives; keys without an error are done, but for those that another is at."""

    def __init__(self) -> None:
        self.errors: dict[str, Exception] = {}
        self.leased: set[str] = set()

    async def __call__(self, key: str) -> bool:
        if key in self.leased:
            return False
        if key in self.errors:
            raise self.errors[key]
        return True


async def test_an_error_in_a_step_is_told_once_for_each_row_until_it_is_over() -> None:
    step = Step()
    run = _guarded("reconcile", step, Steps())
    step.errors = {"1": RuntimeError("a bug"), "2": RuntimeError("a bug")}
    with capture_logs() as logs:
        for key in ("1", "2", "1", "3", "1", "2"):
            await run(key)
    assert [(each["event"], each["key"]) for each in logs] == [("step.failed", "1"), ("step.failed", "2")]
    assert logs[0]["exc_info"] is step.errors["1"]
    with capture_logs() as logs:
        error = step.errors.pop("1")
        await run("1")
        step.errors["1"] = error
        await run("1")
        step.errors["1"] = RuntimeError("another")
        await run("1")
    assert [each["problem"] for each in logs] == ["RuntimeError: a bug", "RuntimeError: another"]


@pytest.mark.parametrize("name", ["reconcile", "follow", "notify"])
async def test_a_step_that_fails_every_time_is_told_of_by_the_process_until_it_is_done(name: str) -> None:
    step, steps = Step(), Steps()
    run = _guarded(name, step, steps)
    step.errors = {"7": ValueError("22000")}
    await run("7")
    assert not steps.state.is_stalled
    step.leased = {"7"}
    await run("7")  # it was rung for while the try before has the lease, which is no success
    step.leased = set()
    step.errors["7"] = StoreUnavailable("outages")
    await run("7")
    assert not steps.state.is_stalled
    step.errors["7"] = ValueError("22000")
    await run("7")
    assert (steps.state.name, steps.state.problem, steps.state.is_stalled) == (f"{name} 7", "ValueError: 22000", True)
    step.errors = {}
    await run("7")
    assert not steps.state.is_stalled


async def test_postgres_being_away_is_told_once_whichever_rows_are_at_hand() -> None:
    step = Step()
    run = _guarded("reconcile", step, Steps())
    step.errors = {str(number): StoreUnavailable(f"away {number}") for number in range(100)}
    with capture_logs() as logs:
        for key in step.errors:
            await run(key)
        await run("done")
        await run("1")
    assert [(each["event"], each["key"]) for each in logs] == [("step.postponed", "0"), ("step.postponed", "1")]


def test_what_was_told_is_forgotten_from_the_oldest_on() -> None:
    told = LoggedProblems(most=2)
    assert [told.is_new(key, "bug") for key in ("a", "b", "a", "c", "b", "a")] == [True, True, False, True, False, True]


async def test_postgres_that_does_not_answer_is_no_line_of_each_step() -> None:
    step, steps = Step(), Steps()
    run = _guarded("reconcile", step, steps)
    step.errors = {"1": StoreSilent("refused")}
    with capture_logs() as logs:
        await run("1")
        await run("1")
    assert logs == []
    assert not steps.state.is_stalled
