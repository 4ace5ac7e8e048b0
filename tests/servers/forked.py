"""Starts our processes by forking one that has imported our modules: that saves two seconds of a processor each time.

What runs is the command line's own `main`, with an environment, a directory, a session and a log of its own. That it
can be started by its program is tested by tests/e2e.
"""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import TimeoutExpired

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.servers.imported"])
_SESSION_WITHIN = 60.0  # seconds for the first, which starts the process that is forked


class Forked:
    """`registrywatcher ARGUMENTS`, with the part of subprocess.Popen's interface that the tests use."""

    def __init__(self, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        self._arguments = arguments
        self._process = _FORKS.Process(target=_run, args=(tuple(arguments), dict(env), str(cwd), str(log)), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid
        deadline = time.monotonic() + _SESSION_WITHIN
        while self.poll() is None and not _leads(self.pid):
            assert time.monotonic() < deadline, f"{arguments} did not begin"
            time.sleep(0.001)

    @property
    def returncode(self) -> int | None:
        """The exit status, a negative one for a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """See `returncode`."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            raise TimeoutExpired(list(self._arguments), timeout or 0.0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def _leads(pid: int) -> bool:
    """Whether the process is the leader of a session, so that signals to its group reach it."""
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return True


def _run(arguments: Sequence[str], env: Mapping[str, str], cwd: str, log: str) -> None:
    out = os.open(log, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(out, stream.fileno())
    os.close(out)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["registrywatcher", *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()

    from app.cli import main

    main()
