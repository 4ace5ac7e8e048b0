"""Rings workers through Dramatiq, by the actor's name, off the caller's thread.

A ring is a hint that carries an id: it may be lost, doubled or late. While Redis is away rings are dropped at once,
since the sweeper rings again whatever is overdue in Postgres.
"""

import heapq
import threading
import time
from contextlib import suppress
from itertools import count

import dramatiq
import structlog
from dramatiq.broker import Broker

log = structlog.get_logger()

QUEUE = "registrywatcher"

_DROPPED_WHILE_AWAY = 1.0
_MOST_PENDING = 100_000


def _message(actor: str, key: str) -> dramatiq.Message[None]:
    return dramatiq.Message(queue_name=QUEUE, actor_name=actor, args=(key,), kwargs={}, options={})


class PromptWaker:
    """`Doorbell` for a process that is about to end: it rings on the caller's thread."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def wake(self, actor: str, key: str, *, delay: float = 0.0) -> None:
        """Send the message now; a delay is left to whoever is rung."""
        try:
            self._broker.enqueue(_message(actor, key))
        except Exception as error:  # whatever a broker raises, a ring is only a hint
            log.info("wake.dropped", problem=str(error)[:200])


class DramatiqWaker:
    """`Doorbell` on a Dramatiq broker. Equal rings that wait together become one."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._pending: dict[tuple[str, str], float] = {}
        self._heap: list[tuple[float, int, tuple[str, str]]] = []
        self._order = count()
        self._woken = threading.Condition()
        self._closed = False
        self._away_until = 0.0
        self._problem = ""
        self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str:
        """Why rings are being dropped now; "" when Redis answers."""
        return self._problem

    def wake(self, actor: str, key: str, *, delay: float = 0.0) -> None:
        """Send the message after `delay` seconds; returns at once, and never raises."""
        at = time.monotonic() + delay
        wake = (actor, key)
        with self._woken:
            if self._pending.get(wake, float("inf")) <= at or len(self._heap) >= _MOST_PENDING:
                return
            self._pending[wake] = at
            heapq.heappush(self._heap, (at, next(self._order), wake))
            self._woken.notify()

    def close(self) -> None:
        """Stop ringing; what still waits is the sweeper's."""
        with self._woken:
            self._closed = True
            self._woken.notify()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._closed:
            try:
                with self._woken:
                    wake = self._next()
                if wake is not None:
                    self._send(wake)
            except Exception as error:  # a thread that ended would leave every ring to the sweeper
                with suppress(Exception):  # the log may be what fails
                    log.exception("waker.failed", problem=str(error)[:200])
                time.sleep(_DROPPED_WHILE_AWAY)

    def _next(self) -> tuple[str, str] | None:
        """The next ring that is due, waiting for one; called with the lock held."""
        while not self._closed:
            now = time.monotonic()
            if not self._heap:
                self._woken.wait()
            elif self._heap[0][0] > now:
                self._woken.wait(self._heap[0][0] - now)
            else:
                at, _, wake = heapq.heappop(self._heap)
                if self._pending.get(wake) == at:
                    del self._pending[wake]
                    return wake
        return None

    def _send(self, wake: tuple[str, str]) -> None:
        if time.monotonic() < self._away_until:
            return
        actor, key = wake
        try:
            self._broker.enqueue(_message(actor, key))
        except Exception as error:  # whatever a broker raises, a ring is only a hint
            self._away_until = time.monotonic() + _DROPPED_WHILE_AWAY
            if not self._problem:
                log.warning("wake.dropped", problem=str(error)[:200])
            self._problem = f"Redis does not take messages: {str(error)[:200]}"
        else:
            self._problem = ""
