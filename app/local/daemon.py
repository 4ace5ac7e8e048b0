"""Start one server program under the guard, wait until it is ready, end it. Blocking; must not know the server.

    daemon = Daemon(argv, log=directory / "valkey.log")
    daemon.start(is_ready)      # raises ServerFailed with the last lines of the log
    daemon.stop()               # or daemon.kill(), as a crash would

The server dies with this process, however that ends (see app/local/guard.py). Any thread may start it.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from app.local.account import Account

GUARD = Path(__file__).with_name("guard.py")
READY_EVERY_SECONDS = 0.01
SHOWN_LOG_LINES = 15


class ServerFailed(RuntimeError):
    """A local server did not start; the message has the last lines of its log."""


def guarded(
    argv: Sequence[str], *, grace: float, stop_signal: int = signal.SIGTERM, account: Account | None = None
) -> list[str]:
    """The command line that runs argv under the guard; its standard input is the lifeline."""
    user = f"{account.uid}:{account.gid}" if account else "-"
    return [sys.executable, "-I", "-S", str(GUARD), str(grace), str(int(stop_signal)), user, *argv]


class Daemon:
    """One server program. After stop or kill it may be started again."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        stop_signal: int = signal.SIGTERM,
        grace: float = 10.0,
        account: Account | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._command = guarded(argv, grace=grace, stop_signal=stop_signal, account=account)
        self._name, self._log, self._env = Path(argv[0]).name, log, env
        self._stop_signal, self._grace = stop_signal, grace
        self._guard: subprocess.Popen[bytes] | None = None
        self._lifeline: socket.socket | None = None
        self.pid = 0

    @property
    def running(self) -> bool:
        """Whether the program was started and has not ended."""
        return self._guard is not None and self._guard.poll() is None

    def start(self, is_ready: Callable[[], bool], *, timeout: float = 60.0) -> None:
        """Start, and return when `is_ready` is true.

        Raises ServerFailed when the program ends before that, or after `timeout` seconds.
        """
        if self.running:
            return
        before = self._log.stat().st_size if self._log.exists() else 0
        self._spawn()
        self._await(is_ready, timeout, before)

    def _await(self, is_ready: Callable[[], bool], timeout: float, before: int) -> None:
        deadline = time.monotonic() + timeout
        while not is_ready():
            if not self.running:
                self._fail("ended at its start", before)
            if time.monotonic() > deadline:
                self._fail(f"was not ready after {timeout:g} s", before)
            time.sleep(READY_EVERY_SECONDS)

    def signal(self, number: int) -> None:
        """Send a signal to the program alone (SIGSTOP and SIGCONT freeze and thaw it)."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):  # it ended, and the guard has not yet
                os.kill(self.pid, number)

    def stop(self) -> None:
        """Ask the program to end, and kill it after the grace time. Returns after its end."""
        self.signal(self._stop_signal)
        self._release()

    def kill(self) -> None:
        """End the program's process group with SIGKILL, as a crash would."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._release()

    def _spawn(self) -> None:
        self._lifeline, theirs = socket.socketpair()
        with theirs, self._log.open("ab") as log:
            self._guard = subprocess.Popen(
                self._command,
                stdin=theirs.fileno(),
                stdout=log.fileno(),
                stderr=log.fileno(),
                cwd="/",
                env=self._env,
                start_new_session=True,  # a terminal's Ctrl-C goes only to us; we stop our children in order
            )
        pid = self._lifeline.recv(32)
        if not pid:
            self._release()
            raise ServerFailed(f"{self._name} did not start; read {self._log}")
        self.pid = int(pid)

    def _fail(self, why: str, log_before: int) -> NoReturn:
        self.kill()
        raise ServerFailed(f"{self._name} {why}; {self._log} ends with:\n{self._last_lines(log_before)}")

    def _release(self) -> None:
        """Cut the lifeline, so that the guard ends the rest, and wait for the guard."""
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None
        if self._guard is not None:
            self._guard.wait(self._grace + 5)
            self._guard = None

    def _last_lines(self, since: int) -> str:
        with self._log.open("rb") as log:
            log.seek(since)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-SHOWN_LOG_LINES:])
