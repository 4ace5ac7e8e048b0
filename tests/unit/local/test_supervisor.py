"""Services start in order, are kept running, stop in reverse, and leave no process behind. With real tiny processes."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.local.child import Backoff, Service
from app.local.daemon import ServerFailed
from app.local.supervisor import Supervisor
from tests.servers.processes import gone

QUICK = Backoff(first=0.01, most=0.02, calm=60)


class ShownLines:
    """What was shown, and a way to wait for more."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def show(self, name: str, line: str) -> None:
        self.lines.append(f"{name}: {line}")
        self._news.set()

    async def until(self, enough: Callable[[list[str]], bool]) -> None:
        async with asyncio.timeout(30):
            while not enough(self.lines):
                self._news.clear()
                await self._news.wait()


async def never() -> None:
    await asyncio.Event().wait()


def service(name: str, code: str, **more: Any) -> Service:
    program = f"import os, signal, subprocess, sys, time\n{textwrap.dedent(code)}"
    return Service(name=name, argv=[sys.executable, "-I", "-S", "-u", "-c", program], **more)


def steady(name: str, heard: ShownLines) -> Service:
    """Says `up`, is ready then, and says `down` when it is told to stop."""
    code = """
    def down(*_):
        print("down")
        sys.exit(0)
    signal.signal(signal.SIGTERM, down)
    print("up")
    while True:
        time.sleep(10)
    """
    return service(name, code, ready=lambda: heard.until(lambda lines: f"{name}: up" in lines))


async def test_start_in_order_and_stop_in_reverse() -> None:
    heard = ShownLines()
    async with Supervisor([steady("first", heard), steady("second", heard)], show=heard.show) as running:
        assert heard.lines == ["first: up", "second: up"]
        pids = running.pids
    assert heard.lines[2:] == ["second: down", "first: down"]
    assert all(gone(pid) for pid in pids.values())


async def test_a_crashed_service_is_started_again() -> None:
    heard = ShownLines()
    async with Supervisor([service("weak", "sys.exit(3)")], show=heard.show, backoff=QUICK):
        await heard.until(lambda lines: len(lines) >= 3)
    assert heard.lines[:3] == [
        "weak: exited with status 3; starting it again in 0.01 s",
        "weak: exited with status 3; starting it again in 0.02 s",
        "weak: exited with status 3; starting it again in 0.02 s",
    ]


async def test_a_killed_service_is_started_again() -> None:
    heard = ShownLines()
    async with Supervisor([steady("one", heard)], show=heard.show, backoff=QUICK) as running:
        killed = running.pids["one"]
        os.kill(killed, signal.SIGKILL)
        await heard.until(lambda lines: lines.count("one: up") == 2)
        assert running.pids["one"] != killed
    assert heard.lines[1] == "one: ended by SIGKILL; starting it again in 0.01 s"


async def test_a_service_that_ends_at_its_start_is_named_with_its_words() -> None:
    heard = ShownLines()

    broken = service("broken", "sys.exit('port in use')", ready=never)
    with pytest.raises(ServerFailed, match=r"broken ended at its start \(exited with status 1\)[^$]*port in use"):
        async with Supervisor([steady("first", heard), broken], show=heard.show):
            pytest.fail("was started")
    assert heard.lines[-1] == "first: down"


async def test_a_program_that_is_not_there_is_named() -> None:
    absent = Service(name="absent", argv=["/no/such/program"], ready=never)
    with pytest.raises(ServerFailed, match="cannot run /no/such/program: No such file"):
        async with Supervisor([absent], show=ShownLines().show):
            pytest.fail("was started")


async def test_a_service_that_is_never_ready_is_named() -> None:
    slow = service("slow", "time.sleep(60)", ready=never, ready_timeout=0.1)
    with pytest.raises(ServerFailed, match=r"slow was not ready after 0.1 s"):
        async with Supervisor([slow], show=ShownLines().show):
            pytest.fail("was started")


async def test_a_deaf_service_is_killed_after_its_grace_with_all_that_it_started() -> None:
    heard = ShownLines()
    code = """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    print(child.pid)
    time.sleep(60)
    """
    async with Supervisor([service("deaf", code, grace=0.1)], show=heard.show) as running:
        await heard.until(lambda lines: bool(lines))
        pids = [running.pids["deaf"], int(heard.lines[0].rpartition(" ")[2])]
    assert all(gone(pid) for pid in pids)


async def test_what_a_crashed_service_started_ends_with_it() -> None:
    heard = ShownLines()
    code = """
    print(subprocess.Popen(["sleep", "60"]).pid)
    sys.exit(1)
    """
    async with Supervisor([service("messy", code)], show=heard.show):
        await heard.until(lambda lines: len(lines) == 2)
        assert gone(int(heard.lines[0].rpartition(" ")[2]))


PROGRAM = """
import asyncio, sys
from app.local.child import Service
from app.local.output import prefixed
from app.local.supervisor import supervise

async def say():
    print("ready", flush=True)

services = [
    Service(name=name, argv=["sh", "-c", f"trap '' {deaf_to}; echo $$; sleep 60 & wait; wait"], grace=GRACE)
    for name, deaf_to in (("deaf", DEAF), ("other", "USR1"))
]
asyncio.run(supervise(services, show=prefixed(["deaf", "other"], sys.stdout), then=say))
print("ended well", flush=True)
"""


def start(*, deaf_to: str, grace: float) -> tuple[subprocess.Popen[str], list[int]]:
    """A supervising process that is ready, and the ids of its services."""
    code = PROGRAM.replace("DEAF", repr(deaf_to)).replace("GRACE", str(grace))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(3)]
    return process, [int(found) for found in re.findall(r"\| (\d+)", "".join(said))]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_an_orderly_end(number: signal.Signals) -> None:
    process, pids = start(deaf_to="USR2", grace=30)
    process.send_signal(number)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert said.splitlines()[-1] == "ended well"
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


def test_a_second_signal_does_not_wait() -> None:
    process, pids = start(deaf_to="TERM", grace=60)
    process.send_signal(signal.SIGINT)
    assert gone(pids[1], within=30)  # the last one stops first; then the deaf one is waited for
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert all(gone(pid) for pid in pids)


def test_killed_it_leaves_nothing_behind() -> None:
    process, pids = start(deaf_to="TERM", grace=0.1)
    process.kill()
    process.communicate(timeout=30)
    assert all(gone(pid, within=30) for pid in pids)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
async def test_a_killed_guard_takes_its_service_along() -> None:
    heard = ShownLines()
    async with Supervisor([steady("one", heard)], show=heard.show, backoff=QUICK) as running:
        pid = running.pids["one"]
        os.kill(parent_of(pid), signal.SIGKILL)
        await heard.until(lambda lines: lines.count("one: up") == 2)
        assert gone(pid, within=30)


@pytest.mark.parametrize(
    ("last", "ran", "expected"), [(0, 0, 0.5), (0.5, 1, 1.0), (10, 29, 15), (15, 29, 15), (15, 30, 0.5)]
)
def test_backoff(last: float, ran: float, expected: float) -> None:
    assert Backoff().next(last, ran) == expected
