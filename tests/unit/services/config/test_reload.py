"""The configuration is read again when it changed or a person asks; a broken one changes nothing and is reported."""

import asyncio
import os
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from app.errors import ConfigError, Fault, Permanent, StoreUnavailable
from app.services.config.reload import FileChanges, Reloader, Repeats, fingerprint


class Process:
    """A process with a configuration file of one word; `outages` makes the store fail."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_text("first")
        self.in_force: list[str] = []
        self.reads = 0
        self.applied = asyncio.Event()
        self.failed = asyncio.Event()
        self.outages: Exception | None = None
        self.reloader = Reloader(self._load, self._apply, changed=FileChanges([path], fingerprint(b"first")))

    def _load(self) -> str:
        self.reads += 1
        if not self.path.exists() or self.path.read_text() == "broken":
            raise ConfigError((Fault(source="file", key="key", problem="broken", fix="Mend it"),))
        return self.path.read_text()

    async def _apply(self, loaded: str) -> None:
        if self.outages is not None:
            self.failed.set()
            raise self.outages
        self.in_force.append(loaded)
        self.applied.set()


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(tmp_path / "staging.toml")


async def test_nothing_happens_while_nothing_changes(process: Process) -> None:
    await process.reloader.check()
    assert process.in_force == []


async def test_a_change_is_applied_once(process: Process) -> None:
    process.path.write_text("second")
    await process.reloader.check()
    await process.reloader.check()
    assert process.in_force == ["second"]
    assert process.reloader.problem == ""


@pytest.mark.parametrize("fault", ["broken", "removed"])
async def test_a_broken_file_changes_nothing_and_is_reported_until_it_is_mended(process: Process, fault: str) -> None:
    if fault == "broken":
        process.path.write_text("broken")
    else:
        process.path.unlink()
    await process.reloader.check()
    await process.reloader.check()
    assert process.in_force == []
    assert process.reloader.problem == "file: key: broken. Mend it"
    process.path.write_text("second")
    await process.reloader.check()
    assert (process.in_force, process.reloader.problem) == (["second"], "")


async def test_what_could_not_be_stored_is_applied_when_it_can(process: Process) -> None:
    process.path.write_text("second")
    process.outages = StoreUnavailable("Postgres is away")
    await process.reloader.check()
    assert process.reloader.problem == "Postgres is away"
    process.outages = None
    await process.reloader.check()
    await process.reloader.check()
    assert (process.in_force, process.reloader.problem) == (["second"], "")


async def test_what_waits_is_not_read_again_before_it_changes_or_a_person_asks(process: Process) -> None:
    process.path.write_text("second")
    process.outages = StoreUnavailable("Postgres is away")
    for _ in range(3):
        await process.reloader.check()
    assert process.reads == 1
    process.reloader.request()
    await process.reloader.check()
    assert process.reads == 2
    process.path.write_text("third")
    process.outages = None
    await process.reloader.check()
    assert process.in_force == ["third"]


async def test_a_problem_is_logged_once_and_its_end_once(process: Process) -> None:
    with capture_logs() as logs:
        process.path.write_text("second")
        process.outages = StoreUnavailable("Postgres is away")
        for _ in range(5):
            await process.reloader.check()
        process.outages = None
        for _ in range(5):
            await process.reloader.check()
    assert [each["event"] for each in logs] == ["config.reload_failed", "config.reloaded"]
    assert logs[1]["after"] == "Postgres is away"


async def test_a_problem_is_known_though_the_log_cannot_be_written(process: Process) -> None:
    def full(*_: object) -> str:
        raise OSError("No space left on device")

    process.path.write_text("broken")
    structlog.configure(processors=[full])
    try:
        with pytest.raises(OSError, match="No space"):
            await process.reloader.check()
        assert process.reloader.problem == "file: key: broken. Mend it"
        process.path.write_text("second")
        with pytest.raises(OSError, match="No space"):
            await process.reloader.check()
        assert process.reloader.problem == ""
    finally:
        structlog.reset_defaults()


async def test_what_cannot_be_applied_waits_for_a_person(process: Process) -> None:
    process.path.write_text("second")
    process.outages = Permanent("the table may not be read")
    await process.reloader.check()
    process.outages = None
    await process.reloader.check()
    assert (process.in_force, process.reloader.problem) == ([], "the table may not be read")
    process.reloader.request()
    await process.reloader.check()
    assert (process.in_force, process.reloader.problem) == (["second"], "")


async def test_a_person_is_heard_at_once_though_nothing_changed(process: Process) -> None:
    running = asyncio.create_task(process.reloader.run(interval=3600))
    process.reloader.request()
    async with asyncio.timeout(30):
        await process.applied.wait()
    running.cancel()
    assert process.in_force == ["first"]


async def test_a_change_is_noticed_within_the_interval(process: Process) -> None:
    running = asyncio.create_task(process.reloader.run(interval=0.001))
    process.path.write_text("second")
    async with asyncio.timeout(30):
        await process.applied.wait()
    running.cancel()
    assert process.in_force == ["second"]


class Writer:
    """A file that says at each look what comes next; `reads` are the looks before each reading."""

    def __init__(self, *contents: str) -> None:
        self.contents = list(contents)
        self.now = "first"
        self.checks = 0
        self.reads: list[tuple[int, str]] = []
        self.reloader = Reloader(self._load, self._apply, changed=self._changed)

    def _changed(self) -> bool:
        self.checks += 1
        before = self.now
        self.now = self.contents.pop(0) if self.contents else before
        return self.now != before

    def _load(self) -> str:
        self.reads.append((self.checks, self.now))
        return self.now

    async def _apply(self, loaded: str) -> None:
        pass


@pytest.mark.parametrize("asked", [False, True])
async def test_a_file_is_read_once_it_looks_the_same_twice_and_at_once_when_a_person_asks(asked: bool) -> None:
    writer = Writer("half", "more", "whole", "whole", "whole")
    if asked:
        writer.reloader.request()
    await writer.reloader.check()
    assert writer.reads == ([(1, "half")] if asked else [(4, "whole")])


async def test_a_person_who_asks_cuts_the_wait_short(process: Process) -> None:
    asked = asyncio.Event()

    def changed() -> bool:
        asked.set()
        return True

    reloader = Reloader(process._load, process._apply, changed=changed, settle=3600)
    looking = asyncio.create_task(reloader.check())
    await asked.wait()
    process.path.write_text("second")
    reloader.request()
    async with asyncio.timeout(30):
        await looking
    assert process.in_force == ["second"]


async def test_a_file_that_never_stays_the_same_is_read_all_the_same() -> None:
    writer = Writer(*(str(number) for number in range(1000)))
    await writer.reloader.check()
    assert writer.reads == [(21, "20")]


async def test_what_nobody_foresaw_is_reported_and_does_not_make_it_deaf(process: Process) -> None:
    running = asyncio.create_task(process.reloader.run(interval=0.001))
    process.outages = RuntimeError("nobody foresaw this")
    process.reloader.request()
    async with asyncio.timeout(30):
        await process.failed.wait()
    process.outages = None
    process.reloader.request()
    async with asyncio.timeout(30):
        await process.applied.wait()
    running.cancel()
    assert (process.in_force, process.reloader.problem) == (["first"], "")


def test_what_came_since_the_file_was_read_is_a_change(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("two")
    watched = FileChanges([file], fingerprint(b"one"))
    assert watched()
    assert not watched()


def test_a_change_is_seen_once_and_only_when_the_bytes_differ(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("one")
    watched = FileChanges([file], fingerprint(b"one"))
    assert not watched()

    os.utime(file, (0, 0))
    assert not watched()

    times = file.stat()
    file.write_text("two")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert watched()
    assert not watched()

    file.unlink()
    assert watched()
    assert not watched()


def test_every_file_is_watched_and_one_that_cannot_be_read_counts(tmp_path: Path) -> None:
    file, secret = tmp_path / "config.toml", tmp_path / "secret"
    file.write_text("one")
    watched = FileChanges([file, secret], fingerprint(b"one", None))
    assert not watched()
    secret.write_text("")
    assert watched()
    secret.write_text("new")
    assert watched()
    assert not watched()


def test_contents_are_told_apart_wherever_they_are_cut() -> None:
    assert (
        len({fingerprint(b"ab", b"c"), fingerprint(b"a", b"bc"), fingerprint(b"abc"), fingerprint(b"abc", None)}) == 4
    )


def test_a_content_is_repeated_when_it_is_the_same_after_a_while() -> None:
    now = 100.0
    repeats = Repeats(after=60.0, clock=lambda: now)
    assert not repeats.is_repeated("a")
    now += 59.9
    assert not repeats.is_repeated("a")
    now += 0.1
    assert repeats.is_repeated("a")
    assert not repeats.is_repeated("b")
    now += 60.0
    assert not repeats.is_repeated("a")  # another one was read between
    now += 60.0
    assert repeats.is_repeated("a")


def test_a_repetition_begins_anew_when_something_unreadable_came_between() -> None:
    now = 100.0
    repeats = Repeats(after=60.0, clock=lambda: now)
    repeats.is_repeated("a")
    now += 59.0
    repeats.reset()
    now += 2.0
    assert not repeats.is_repeated("a")
    now += 60.0
    assert repeats.is_repeated("a")


def test_the_files_of_a_later_reading_are_followed_from_what_they_held_then(tmp_path: Path) -> None:
    file, certificate = tmp_path / "config.toml", tmp_path / "ca.pem"
    file.write_text("one")
    certificate.write_text("first")
    watched = FileChanges([file], fingerprint(b"one"))
    watched.replace([file, certificate], fingerprint(b"one", b"first"))
    assert not watched()
    certificate.write_text("second")
    assert watched()
    assert not watched()
    watched.replace([file], fingerprint(b"one"))
    certificate.write_text("third")
    assert not watched()
