"""Run one program so that it never outlives the process that asked for it.

Answers "who ends the children when their parent is killed with SIGKILL?". The guard stands between the two: standard
input is a *lifeline*, a socket whose other end only the parent holds. When the parent dies, for whatever reason, the
lifeline reads as closed; the guard then stops the program, and after a grace time kills it. Whatever the program leaves
behind when it ends is killed too, also what has moved to a session of its own (Postgres's backends do). Unlike
PR_SET_PDEATHSIG alone this needs no particular thread to stay alive and reaches grandchildren; PR_SET_PDEATHSIG is set
besides, for the guard's own death.

    python -I -S guard.py GRACE_SECONDS STOP_SIGNAL UID:GID|- PROGRAM ARGUMENT…

Writes the program's process id and a newline to the lifeline. Ends as the program ends: same status, or same signal.
Must import nothing but parts of the standard library: it runs before every child of the demo.
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
    """Start the program, watch it and the lifeline, end as the program ended."""
    grace, stop_signal, account, *program = arguments
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_IGN)
    woken = _wake_on(signal.SIGCHLD, signal.SIGTERM)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # orphans below become our children, so that we can end and reap them
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        _become(program, account, guard)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)  # in both processes, so that the group exists whichever runs first
    with contextlib.suppress(OSError):
        os.write(LIFELINE, b"%d\n" % child)
    _end_like(_watch(child, woken, float(grace), int(stop_signal)))


def _wake_on(*signals: signal.Signals) -> int:
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in signals:
        signal.signal(number, lambda *_: None)
    return woken


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


def _watch(child: int, woken: int, grace: float, stop_signal: int) -> int:
    """Wait for the program's end; stop it when the lifeline closes. Returns the wait status."""
    deadline: float | None = None
    watched = [LIFELINE, woken]
    while True:
        patience = None if deadline is None else max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select(watched, [], [], patience)
        news = os.read(woken, 64) if woken in readable else b""
        status = _reap(child)
        if status is not None:
            _end_orphans(child)
            return status
        if deadline is None and (signal.SIGTERM in news or (LIFELINE in readable and not os.read(LIFELINE, 64))):
            deadline, watched = time.monotonic() + grace, [woken]
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, stop_signal)
                os.kill(child, signal.SIGCONT)  # a stopped program could not obey
        elif deadline is not None and time.monotonic() >= deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)


def _reap(child: int) -> int | None:
    """Collect everything that has ended; the program's wait status when it is among them."""
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
    """Kill what the program left behind, and what that left behind, until nothing is there."""
    with contextlib.suppress(ChildProcessError, ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            for orphan in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(orphan, signal.SIGKILL)
            os.waitpid(-1, 0)


def _children() -> list[int]:
    """Our children by /proc; nothing where there is none."""
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
