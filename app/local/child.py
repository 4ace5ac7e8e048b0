"""Keep one service running: start it, wait until it is ready, show its output, restart it after a crash.

Must not know other services: app/local/supervisor.py has their order.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from app.local.daemon import ServerFailed, guarded
from app.local.output import Lines, Show


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One program to keep running. `ready` returns when the service is ready; `env` is its whole environment."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    ready: Callable[[], Awaitable[None]] | None = None
    ready_timeout: float = 60.0
    stop_signal: int = signal.SIGTERM
    grace: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Seconds before the restart of a crashed service: doubled at each crash, reset after `calm` seconds."""

    first: float = 0.5
    most: float = 15.0
    calm: float = 30.0

    def next(self, last: float, ran: float) -> float:
        """The pause after a crash, by the last pause (0 at the first crash) and the seconds that the service ran."""
        if last == 0 or ran >= self.calm:
            return self.first
        return min(last * 2, self.most)


class Child:
    """One service under the guard. It ends by `stop`, and with this process, however that ends."""

    def __init__(self, service: Service, show: Show, backoff: Backoff) -> None:
        self.service = service
        self.pid = 0
        self._show, self._backoff = show, backoff
        self._last_lines: deque[str] = deque(maxlen=15)
        self._guard: asyncio.subprocess.Process | None = None
        self._lifeline: socket.socket | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._pumping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when the service is ready. Raises ServerFailed when it ends before that, or takes too long."""
        guard = await self._spawn()
        if self.service.ready is not None:
            await self._await_ready(self.service.ready, guard)
        self._keeping = asyncio.create_task(self._keep(guard))

    async def stop(self) -> None:
        """Ask the service to end, and kill it after its grace time. Returns after its end, with any status."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        self._cut_lifeline()
        if self._guard is not None:
            await self._guard.wait()
        if self._pumping is not None:
            await self._pumping

    def kill(self) -> None:
        """End the service's process group with SIGKILL; the caller still awaits `stop`."""
        if self.pid and self._guard is not None and self._guard.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def _spawn(self) -> asyncio.subprocess.Process:
        service = self.service
        command = guarded(service.argv, grace=service.grace, stop_signal=service.stop_signal)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._lifeline = ours
        with theirs:
            guard = await asyncio.create_subprocess_exec(
                *command,
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=service.env,
                start_new_session=True,  # a terminal's Ctrl-C goes only to us; we stop our services in order
            )
        self._guard = guard
        self._pumping = asyncio.create_task(self._pump(guard))
        self.pid = int(await asyncio.get_running_loop().sock_recv(ours, 32) or b"0")
        return guard

    async def _await_ready(self, ready: Callable[[], Awaitable[None]], guard: asyncio.subprocess.Process) -> None:
        readiness = asyncio.ensure_future(ready())
        ending = asyncio.ensure_future(guard.wait())
        try:
            patience = self.service.ready_timeout
            await asyncio.wait((readiness, ending), timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if readiness.done():
                readiness.result()
            elif ending.done():
                await asyncio.gather(*filter(None, [self._pumping]))
                raise self._failure(f"ended at its start ({_status(ending.result())})")
            else:
                raise self._failure(f"was not ready after {patience:g} s")
        finally:
            readiness.cancel()
            ending.cancel()
            await asyncio.gather(readiness, ending, return_exceptions=True)

    async def _keep(self, guard: asyncio.subprocess.Process) -> None:
        pause, clock = 0.0, asyncio.get_running_loop()
        while True:
            began = clock.time()
            status = await guard.wait()
            self._cut_lifeline()
            pause = self._backoff.next(pause, clock.time() - began)
            self._show(self.service.name, f"{_status(status)}; it restarts in {pause:g} s")
            await asyncio.sleep(pause)
            guard = await self._spawn()

    async def _pump(self, guard: asyncio.subprocess.Process) -> None:
        lines = Lines()
        assert guard.stdout is not None
        while chunk := await guard.stdout.read(65536):
            self._show_lines(lines.take(chunk))
        self._show_lines(lines.rest())

    def _show_lines(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._last_lines.append(line)
            self._show(self.service.name, line)

    def _cut_lifeline(self) -> None:
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None

    def _failure(self, why: str) -> ServerFailed:
        return ServerFailed("\n".join((f"{self.service.name} {why}; its last output:", *self._last_lines)))


def _status(code: int) -> str:
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"
