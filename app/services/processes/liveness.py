"""Whether a part that this process cannot do without, Postgres or Redis, answers now: a short question, all the time.

A connection that stands proves nothing: a frozen server keeps it open. It must not know what the question is.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from app.errors import RegistryWatcherError
from app.services.processes.loops import Loop, described
from app.services.processes.outages import OutageLog

EVERY = 0.5  # seconds between an answer and the next question
WITHIN = 1.2  # seconds that an answer may take
SETTLED = 8.0  # seconds after an outage until its consequences are over, such as old heartbeats
FAILURES = 2  # in a row, which are an outage: one may be a connection that an earlier outage left behind

Probe = Callable[[], Awaitable[object]]
"""Asks the part; raises when it does not answer, or answers that it cannot be used."""


class Liveness:
    """Asks one part without end. An outage is known within `every` + FAILURES * `within` seconds, and its end within
    `every` + `within`.

    `fix` says what a person does about a part that does not answer. `returned` is called at the end of each outage.
    """

    def __init__(
        self,
        part: str,
        probe: Probe,
        outages: OutageLog,
        *,
        fix: str,
        returned: Callable[[], Awaitable[None]] | None = None,
        every: float = EVERY,
        within: float = WITHIN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.part = part
        self.problem = ""
        self._probe = probe
        self._outages = outages
        self._fix = fix
        self._returned = returned
        self._every = every
        self._within = within
        self._clock = clock
        self._answered_at = clock()
        self._returned_at = -math.inf
        self._failures = 0
        self.loop = Loop(f"{part} liveness", retry=every, retry_at_most=every, bound=None)

    @property
    def silent_for(self) -> float:
        """How many seconds ago the part answered last, or this process began to ask."""
        return self._clock() - self._answered_at

    @property
    def is_explaining(self) -> bool:
        """Whether its outage explains what does not move now: it lasts, or its consequences may."""
        return bool(self.problem) or self._clock() - self._returned_at < SETTLED

    async def run(self) -> None:
        """Ask until cancelled."""
        await self.loop.run(self.ask)

    async def ask(self) -> float:
        """Ask once; returns the pause before the next question."""
        asked_at = self._clock()
        try:
            async with asyncio.timeout(self._within):
                await self._probe()
        except Exception as error:  # whatever the driver raises: the part gave no answer
            return self._failed(error)
        self._answered_at = asked_at
        self._failures = 0
        if self.problem:
            self.problem = ""
            self._returned_at = self._clock()
            self._outages.note(self.part, "")
            if self._returned is not None:
                await self._returned()
        return self._every

    def _failed(self, error: Exception) -> float:
        self._failures += 1
        if self._failures < FAILURES and not self.problem:
            return 0.0
        self.problem = self._described(error)
        self._outages.note(self.part, self.problem, ago=self.silent_for)
        return self._every

    def _described(self, error: Exception) -> str:
        if isinstance(error, RegistryWatcherError):
            return str(error)
        cause = f"no answer within {self._within:g} s" if isinstance(error, TimeoutError) else described(error)
        return f"{self.part} does not answer: {cause}; {self._fix}"
