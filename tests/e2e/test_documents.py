"""The documents' commands run against a running demo, and answer as documented; Ctrl-C leaves no process behind.

A fenced block with `<!-- run -->` before it is run by sh; the next block is its answer, where `…` matches anything.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.ports import free_port
from tests.servers.processes import gone
from tests.unit.packaging.documents import DOCUMENTS, Block, blocks, read

PATIENCE = 60.0
ADDRESS = "http://localhost:8080"
EXAMPLES = [block for name in DOCUMENTS for block in blocks(read(name)) if block.marked]
_PUSH = re.compile(r"(http://\S+)/registry/push/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A demo that has shown its story. `lines` grow as it prints."""

    process: subprocess.Popen[str]
    web: str
    lines: list[str]

    @property
    def registry(self) -> str:
        """The registry's address, as the demo prints it."""
        found = _PUSH.search("".join(self.lines))
        assert found is not None
        return found[1]

    def run(self, script: str) -> str:
        """The output of the script."""
        environment = {**os.environ, "REGISTRY": self.registry, "NO_PROXY": "*"}
        ran = subprocess.run(
            ["sh", "-ec", script.replace(ADDRESS, self.web)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout.strip()


def start(data_dir: Path) -> Demo:
    """Start `registrywatcher demo`; returns once it has printed its hints."""
    port = free_port()
    brought = {"DATABASE_URL", "REDIS_URL", "REGISTRYWATCHER_CONFIG", "PORT"}
    process = subprocess.Popen(
        [Path(sys.executable).with_name("registrywatcher"), "demo", "--data-dir", data_dir, "--port", str(port)],
        env={name: value for name, value in os.environ.items() if name not in brought},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    demo = Demo(process=process, web=f"http://127.0.0.1:{port}", lines=[])
    has_started = threading.Event()

    def listen() -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                demo.lines.append(line)
                if "Ctrl-C stops everything" in line:
                    has_started.set()
        has_started.set()

    threading.Thread(target=listen, daemon=True).start()
    has_started.wait(2 * PATIENCE)
    output = "".join(demo.lines)
    if "It keeps running" not in output:
        stop(demo)
        pytest.fail(f"the demo did not come to its end:\n{output[-3000:]}")
    return demo


def stop(demo: Demo) -> int:
    """Send Ctrl-C to the whole group, as a terminal does; returns the exit status."""
    if demo.process.poll() is None:
        os.killpg(demo.process.pid, signal.SIGINT)
    try:
        return demo.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(demo.process.pid, signal.SIGKILL)
        raise


def descendants(pid: int) -> set[int]:
    """Every current descendant of `pid`, whatever its group; empty where there is no /proc."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, new = set(), {pid}
    while new:
        found |= new
        new = {child for child, parent in parents.items() if parent in new} - found
    return found - {pid}


def matches(answer: str, expected: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in expected.split("…")), answer, re.DOTALL) is not None


@pytest.fixture
def demo(server_directory: Path, find_program: Callable[..., str]) -> Iterator[Demo]:
    find_program("curl", fix="the documents' examples use it; on Debian: apt install curl")
    running = start(server_directory)
    yield running
    stop(running)


def test_the_documents_have_examples_with_answers() -> None:
    assert len(EXAMPLES) >= 6
    assert [block.text for block in EXAMPLES if block.language != "sh" or not block.answer] == []


def test_an_answer_must_match_to_its_end() -> None:
    assert matches('{"a":"xyz"}', '{"a":"…"}')
    assert not matches('{"a":"xyz"}', '{"a":"')
    assert not matches('{"b":1}', '{"a":…}')


def test_the_documents_commands_answer_as_documented(demo: Demo) -> None:
    assert f"The page:  {demo.web}/" in "".join(demo.lines)
    for example in EXAMPLES:
        _try(demo, example)
    family = descendants(demo.process.pid)
    assert len(family) >= 5  # Postgres, Valkey, registry, Nomad, and our own processes

    assert stop(demo) == 0

    assert [pid for pid in family if not gone(pid, within=30)] == []
    with pytest.raises(ProcessLookupError):
        os.killpg(demo.process.pid, 0)


def _try(demo: Demo, example: Block) -> None:
    """A query is repeated until it answers as documented, since a rollout takes time; a command is run one time."""
    deadline = time.monotonic() + (0 if "-X POST" in example.text else PATIENCE)
    while not matches(answer := demo.run(example.text), example.answer):
        assert time.monotonic() < deadline, f"{example.text}answered {answer}\nnot      {example.answer}"
        time.sleep(0.1)
