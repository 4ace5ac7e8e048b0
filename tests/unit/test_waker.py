"""Given a broker that fails, or an error that nobody foresaw, then the doorbell's thread goes on ringing."""

import threading
from typing import Any

import dramatiq
import pytest
from structlog.testing import capture_logs

from app.adapters.waker import DramatiqWaker
from tests.processes import until


class Broker(dramatiq.Broker):
    """Takes messages, and fails with the given error first."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__(middleware=[])
        self.errors = list(errors)
        self.taken: list[str] = []

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(message.args[0])
        return message


class Frail(DramatiqWaker):
    """A doorbell in which something breaks outside of what a broker may raise."""

    broken = False

    def _next(self) -> tuple[str, str] | None:
        wake = super()._next()
        if wake is not None and not self.broken:
            self.broken = True
            raise MemoryError
        return wake


async def test_it_rings_again_after_the_broker_failed() -> None:
    broker = Broker(OSError("gone"))
    waker = DramatiqWaker(broker)
    waker.wake("look", "1")
    await until(lambda: waker.problem, "the problem is told", within=10)

    def woken() -> bool:
        waker.wake("reconcile", "2")
        return bool(broker.taken)

    await until(woken, "it rings", within=10)
    assert waker.problem == ""
    waker.close()


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
async def test_its_thread_outlives_what_nobody_foresaw() -> None:
    broker = Broker()
    with capture_logs() as logs:
        waker = Frail(broker)
        waker.wake("look", "1")
        await until(lambda: waker.broken, "it broke", within=10)
        waker.wake("reconcile", "2")
        await until(lambda: "2" in broker.taken, "it rings", within=10)
    assert [each["event"] for each in logs] == ["waker.failed"]
    waker.close()
    assert not [each for each in threading.enumerate() if each.name == "waker"]
