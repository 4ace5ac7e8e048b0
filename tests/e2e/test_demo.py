"""Given only Python, when `registrywatcher demo` runs, then it shows its story, and leaves no processes behind."""

import json
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.commands import Command, all_gone, running
from tests.machine_load import machine
from tests.servers.ports import free_port
from tests.servers.programs import need

FIRST_START, PATIENCE = 180.0, 90.0
# The limit is five seconds on an idle machine; this one runs other tests, which wait for disks too.
SECOND_START = 15.0


def test_the_demo_shows_its_story_and_its_hints_work(server_directory: Path) -> None:
    need("curl")
    with running("demo", "--data-dir", "state", "--port", str(free_port()), cwd=server_directory) as demo:
        url = _url(demo.wait_for("The page:", within=FIRST_START))
        demo.wait_for("Ctrl-C stops everything", within=PATIENCE)
        story = demo.text
        for message in (
            "pushed     demo/sample:v1.0.0", "pushed     demo/sample:v1.1.0", "webhook ", "v1.1.0 follows v1.0.0",
            "sample v1.1.0: succeeded",
        ):  # fmt: skip
            assert message in story
        assert "sample" in _get(f"{url}/").decode()

        hints = re.findall(r"(curl .*)$", story, re.MULTILINE)
        push, pin, off, reset, read = hints
        _curl(push)
        _await(url, lambda watch: _runs(watch, ":v1.2.0@"))
        _curl(pin)
        _await(url, lambda watch: _runs(watch, ":v1.0.0@") and watch["pinned_tag"] == "v1.0.0")
        _curl(off)
        _await(url, lambda watch: watch["auto_deploy"] is False)
        _curl(reset)
        _await(url, lambda watch: _runs(watch, ":v1.2.0@") and watch["auto_deploy"])
        assert json.loads(_curl(read))["sample"]["pinned_tag_value"] == "v1.2.0"
        _ends_with_all_that_it_started(demo)


def test_a_killed_demo_leaves_nothing_behind_and_restarts_quickly(server_directory: Path) -> None:
    with running("demo", "--data-dir", "state", "--port", str(free_port()), cwd=server_directory) as first:
        first.wait_for("The page:", within=FIRST_START)
        _leaves_nothing_when_killed(first)
    with machine() as pace:
        began = time.monotonic()
        with running("demo", "--data-dir", "state", "--port", str(free_port()), cwd=server_directory) as second:
            url = _url(second.wait_for("The page:", within=PATIENCE))
            assert _get(f"{url}/")
            took = time.monotonic() - began
            print(f"second start: {took:.1f} s to the first page, stretch {pace.stretch:.1f}")
            assert took < SECOND_START * pace.stretch
            second.wait_for("Ctrl-C stops everything", within=PATIENCE)
            _leaves_nothing_when_killed(second)


def _leaves_nothing_when_killed(command: Command) -> None:
    started = command.processes()
    assert len(started) > 5
    command.popen.kill()
    assert all_gone(started) == []


def _ends_with_all_that_it_started(command: Command) -> None:
    started = command.processes()
    assert len(started) > 5
    assert command.end(signal.SIGINT) == 0
    assert all_gone(started) == []
    assert command.processes() == set()
    assert "Traceback" not in command.text


def _url(line: str) -> str:
    return line.partition("The page:")[2].strip().rstrip("/")


def _get(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as answer:
        content: bytes = answer.read()
    return content


def _curl(command: str) -> bytes:
    """Run a printed hint in a shell."""
    done = subprocess.run(
        f"{command} --noproxy '*' --fail-with-body -sS", shell=True, capture_output=True, timeout=30, check=False
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def _await(url: str, condition: Callable[[dict[str, Any]], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        watch = json.loads(_get(f"{url}/repos"))["sample"]
        if condition(watch):
            return
        assert time.monotonic() < deadline, watch
        time.sleep(0.05)


def _runs(watch: dict[str, Any], image: str) -> bool:
    ended = watch["rollout"] is not None and watch["rollout"]["ended_at"] is not None
    return ended and all(image in each["image"] for each in watch["specified"])
