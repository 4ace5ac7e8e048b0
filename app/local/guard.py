"""Run one program so that it never outlives the process that started it, even one killed with SIGKILL.

The guard is a process between the two. Its standard input is a *lifeline*, a socket whose other end only the parent has
open. When the parent dies, for any reason, the lifeline closes; the guard then stops the program, and kills it after a
grace time. Processes that the program leaves behind are killed too, also those in a session of their own (Postgres's
backends). PR_SET_PDEATHSIG alone depends on one thread of the parent and does not reach grandchildren; it is set in
addition, for the guard's own death.

    python -I -S guard.py GRACE_SECONDS STOP_SIGNAL UID:GID|- PROGRAM ARGUMENT…

Writes the program's process id and a newline to the lifeline. Ends as the program ends: same status, or same signal.
Must import only the standard library: it runs before every child of the demo.
"""

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

LIFELINE = 0
PR_SET_PDEATHSIG = 1  # prctl(2)
PR_SET_CHILD_SUBREAPER = 36
CANNOT_RUN = 127


def main(arguments: list[str]) -> None:
    """Start the program, wait for its end or that of the lifeline, and end as the program ended."""
    grace, stop_signal, account, *program = arguments
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_IGN)
    signals = _signals_pipe(signal.SIGCHLD, signal.SIGTERM)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # orphans become our children, so that we can end and reap them
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        _become(program, account, guard)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)  # in both processes, so that the group exists for the one that runs first
    with contextlib.suppress(OSError):
        os.write(LIFELINE, b"%d\n" % child)
    _end_like(_wait(child, signals, float(grace), int(stop_signal)))


def _signals_pipe(*numbers: signal.Signals) -> int:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return reading


def _become(program: list[str], account: str, guard: int) -> None:
    """In the child: own group, given account, default signals; then the program. Never returns."""
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), LIFELINE)
        if account != "-":
            uid, gid = (int(number) for number in account.split(":"))
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after setuid, which clears it
        if os.getppid() != guard:
            os._exit(CANNOT_RUN)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)  # an ignored signal would stay ignored across exec
        os.execvp(program[0], program)
    except OSError as error:
        os.write(2, f"cannot run {program[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(CANNOT_RUN)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


def _wait(child: int, signals: int, grace: float, stop_signal: int) -> int:
    """Wait for the program's end; stop it when the lifeline closes. Returns the wait status."""
    deadline: float | None = None
    watched = [LIFELINE, signals]
    while True:
        patience = None if deadline is None else max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select(watched, [], [], patience)
        received = os.read(signals, 64) if signals in readable else b""
        status = _reap(child)
        if status is not None:
            _end_orphans(child)
            return status
        if deadline is None and (signal.SIGTERM in received or (LIFELINE in readable and not os.read(LIFELINE, 64))):
            deadline, watched = time.monotonic() + grace, [signals]
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, stop_signal)
                os.kill(child, signal.SIGCONT)  # a stopped program could not react
        elif deadline is not None and time.monotonic() >= deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)


def _reap(child: int) -> int | None:
    """Reap all ended children; the program's wait status if it is among them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while True:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended == 0:
                break
            if ended == child:
                found = status
    return found


def _end_orphans(group: int) -> None:
    """Kill the processes that the program left behind, and theirs, until there are none."""
    with contextlib.suppress(ChildProcessError, ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            for orphan in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(orphan, signal.SIGKILL)
            os.waitpid(-1, 0)


def _children() -> list[int]:
    """Our children by /proc; none on a system without it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            after_name = entry.read_text().rpartition(")")[2].split()  # the name may hold blanks and brackets
            if int(after_name[1]) == os.getpid():
                found.append(int(entry.parent.name))
    return found


def _end_like(status: int) -> None:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.set_wakeup_fd(-1)
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main(sys.argv[1:])
