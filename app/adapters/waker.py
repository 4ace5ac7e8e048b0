"""Wake workers through Dramatiq, by the actor's name, on a thread of its own.

A wake-up is a hint that carries an id: it may be lost, doubled or late. While Redis is down, wake-ups are dropped at
once, since the sweeper wakes the workers again for everything overdue in Postgres.
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

FIX = "check that it is up, and check REDIS_URL; what is due is done when it is back"
_DROPPED_FOR = 1.0  # seconds after a failure of Redis
_MOST_PENDING = 100_000


def _message(actor: str, key: str) -> dramatiq.Message[None]:
    return dramatiq.Message(queue_name=QUEUE, actor_name=actor, args=(key,), kwargs={}, options={})


class PromptWaker:
    """`Waker` for a process that is about to end: it sends on the caller's thread."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def wake(self, actor: str, key: str, *, delay: float = 0.0) -> None:
        """Send the message now. The delay is ignored: the woken worker checks what is due."""
        try:
            self._broker.enqueue(_message(actor, key))
        except Exception as error:  # brokers raise many kinds, and a wake-up is only a hint
            log.info("wake.dropped", problem=str(error)[:200])


class DramatiqWaker:
    """`Waker` on a Dramatiq broker. Equal wake-ups that are pending together become one."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._pending: dict[tuple[str, str], float] = {}
        self._heap: list[tuple[float, int, tuple[str, str]]] = []
        self._order = count()
        self._changed = threading.Condition()
        self._closed = False
        self._down_until = 0.0
        self._problem = ""
        self._repeated: tuple[str, str] | None = None
        self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str:
        """Why wake-ups are dropped now; "" when Redis answers."""
        return self._problem

    def wake(self, actor: str, key: str, *, delay: float = 0.0) -> None:
        """Send the message after `delay` seconds; returns at once, and never raises."""
        at = time.monotonic() + delay
        wake = (actor, key)
        with self._changed:
            if self._pending.get(wake, float("inf")) <= at or len(self._heap) >= _MOST_PENDING:
                return
            self._pending[wake] = at
            heapq.heappush(self._heap, (at, next(self._order), wake))
            self._changed.notify()

    def close(self) -> None:
        """Stop. The sweeper sends what is still pending."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._closed:
            try:
                with self._changed:
                    wake = self._next()
                if wake is not None:
                    self._send(wake)
            except Exception as error:  # if the thread ended, every wake-up would wait for the sweeper
                with suppress(Exception):  # the log itself may fail
                    log.exception("waker.failed", problem=str(error)[:200])
                time.sleep(_DROPPED_FOR)

    def _next(self) -> tuple[str, str] | None:
        """Wait for the next due wake-up, and return it. The caller holds the lock."""
        while not self._closed:
            now = time.monotonic()
            if not self._heap:
                self._changed.wait()
            elif self._heap[0][0] > now:
                self._changed.wait(self._heap[0][0] - now)
            else:
                at, _, wake = heapq.heappop(self._heap)
                if self._pending.get(wake) == at:
                    del self._pending[wake]
                    return wake
        return None

    def _send(self, wake: tuple[str, str]) -> None:
        actor, key = wake
        if (pause := self._down_until - time.monotonic()) > 0:
            if wake == self._repeated:
                self.wake(actor, key, delay=pause)
            return
        try:
            self._broker.enqueue(_message(actor, key))
        except Exception as error:  # brokers raise many kinds, and a wake-up is only a hint
            self._down_until = time.monotonic() + _DROPPED_FOR
            self._problem = f"Redis accepts no messages: {str(error)[:200]}; {FIX}"
            self._repeated = wake  # until it arrives: this detects the end of the outage
            self.wake(actor, key, delay=_DROPPED_FOR)
        else:
            self._problem, self._repeated = "", None
