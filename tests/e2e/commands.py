"""Run `registrywatcher …` as a person does in a terminal, and check its output and its processes."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from app.local.processes import program
from tests.processes import environment
from tests.servers.processes import gone

_MARK = "E2E_MARK"


@dataclass(kw_only=True)
class Command:
    """A running command; everything that it starts has its mark in the environment."""

    popen: subprocess.Popen[str]
    mark: str
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its output so far."""
        return "\n".join(self.lines)

    def wait_for(self, message: str, *, within: float) -> str:
        """The first line with these words; AssertionError when the command ends or does not print them in time."""
        deadline = time.monotonic() + within
        while True:
            ended = self.popen.poll() is not None
            for line in list(self.lines):
                if message in line:
                    return line
            assert not ended, f"it ended without {message!r}:\n{self.text}"
            assert time.monotonic() < deadline, f"no {message!r} within {within:g} s:\n{self.text}"
            time.sleep(0.02)

    def processes(self) -> set[int]:
        """The command and all its descendants: those with the mark, and their children (Redis hides it)."""
        mark = f"{_MARK}={self.mark}".encode()
        parents = {int(each.name): _parent(each) for each in Path("/proc").iterdir() if each.name.isdigit()}
        found = {pid for pid in parents if mark in _environ(Path(f"/proc/{pid}"))}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    def end(self, number: signal.Signals, *, within: float = 60) -> int:
        """Send the signal to the command alone, and wait for its end; returns its status."""
        self.popen.send_signal(number)
        return self.popen.wait(within)


@contextmanager
def running(*arguments: str, cwd: Path, **variables: str) -> Iterator[Command]:
    """The command, in the directory `cwd`; its remaining processes are killed at the end."""
    mark = uuid4().hex
    env: Mapping[str, str] = environment(**variables, **{_MARK: mark})
    popen = subprocess.Popen(
        program(*arguments), env=env, cwd=cwd, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    command = Command(popen=popen, mark=mark)
    reading = threading.Thread(target=_read, args=(command,), daemon=True)
    reading.start()
    try:
        yield command
    finally:
        print(command.text)
        for pid in command.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        popen.wait()
        reading.join(5)
        assert popen.stdout is not None
        popen.stdout.close()


def all_gone(pids: set[int], *, within: float = 60) -> list[int]:
    """The processes that still run after that many seconds; empty when all have ended."""
    deadline = time.monotonic() + within
    return [pid for pid in pids if not gone(pid, within=max(0.0, deadline - time.monotonic()))]


def _read(command: Command) -> None:
    assert command.popen.stdout is not None
    for line in command.popen.stdout:
        command.lines.append(line.rstrip("\n"))


def _environ(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:  # it has ended, or belongs to another account
        return b""


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
