"""Given a person's own registry and Nomad, when `registrywatcher up` runs, then a push is deployed; it stops
cleanly."""

import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.local.processes import program
from app.simulators.registry import LocalRegistry, RegistryNotifications
from tests.e2e.commands import all_gone, running
from tests.e2e.site import PREFIX, SECRET, Site, site
from tests.e2e.statements import watch_count
from tests.processes import until
from tests.servers.local_registry import local_registry

START = 90.0


@pytest.fixture
def registry() -> Iterator[tuple[LocalRegistry, str]]:
    with local_registry() as (made, url):
        yield made, url.partition("://")[2]


async def deploys_under_up(
    made: Site, registry: tuple[LocalRegistry, str], *, kills: bool = False, **variables: str
) -> None:
    """Run `up` on the site's configuration, push, and wait for the registration; then Ctrl-C.

    With `kills` its Postgres and Valkey are killed in between, and a later push is deployed all the same.

    The configuration does not ask for the schema, as README's does not: `up` migrates all the same.
    """
    contents, host = registry
    made.configure(["app"], host=host, head='poll_interval = "1h"')
    first = contents.push(f"{PREFIX}/app", "v1.0.0", content="first")
    made.run_job("app", f"{host}/{PREFIX}/app:v1.0.0@{first}")
    contents.notify(RegistryNotifications(url=made.hook, headers={"Authorization": f"Bearer {SECRET}"}))
    options = ("--config", str(made.config), "--data-dir", "state", "--port", str(made.port))
    with running("up", *options, cwd=made.directory, NOMAD_ADDR=made.env["NOMAD_ADDR"], **variables) as up:
        up.wait_for(f"serves {made.url}/", within=START)
        await made.ready()
        async with made.api() as api:
            await made.holds(api, "app", "up_to_date")
            digest = contents.push(f"{PREFIX}/app", "v1.1.0", content="second")
            await made.registers("app", f"{host}/{PREFIX}/app:v1.1.0@{digest}")
            await made.holds(api, "app", "up_to_date")
            if kills:
                kill_servers(made.directory / "state", up.processes())
                back = "| it is back"  # as up says; the processes log what they do "when it is back"
                await until(lambda: sum(line.endswith(back) for line in up.lines) == 2, lambda: up.text, within=START)
                digest = contents.push(f"{PREFIX}/app", "v1.2.0", content="third")
                await made.registers("app", f"{host}/{PREFIX}/app:v1.2.0@{digest}")
                await made.holds(api, "app", "up_to_date")
        started = up.processes()
        assert up.end(signal.SIGINT) == 0
        assert all_gone(started) == []
        assert "Traceback" not in up.text


async def test_up_starts_its_own_servers(
    server_directory: Path, registry: tuple[LocalRegistry, str], database_url: str, redis_url: str
) -> None:
    with site(server_directory, database_url=database_url, redis_url=redis_url) as made:
        await deploys_under_up(made, registry)
        assert (server_directory / "state").is_dir()
    assert await watch_count(database_url) == 0


async def test_up_brings_its_own_servers_back_when_they_die(
    server_directory: Path, registry: tuple[LocalRegistry, str], database_url: str, redis_url: str
) -> None:
    with site(server_directory, database_url=database_url, redis_url=redis_url) as made:
        await deploys_under_up(made, registry, kills=True)


def kill_servers(state: Path, processes: set[int]) -> None:
    """Kill the main processes of the Postgres and the Valkey whose data is in `state`, as a full memory does."""
    (pid_file,) = state.rglob("postmaster.pid")
    commands = {pid: _command_of(pid) for pid in processes}
    # Its title has its address, and no more its configuration.
    (valkey,) = (pid for pid, each in commands.items() if b"-server 127.0.0.1:" in each)
    for pid in (int(pid_file.read_text().split()[0]), valkey):
        os.kill(pid, signal.SIGKILL)


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""


async def test_up_uses_configured_servers_and_leaves_them_alone(
    server_directory: Path, registry: tuple[LocalRegistry, str], empty_database_url: str, redis_url: str
) -> None:
    with site(server_directory, database_url=empty_database_url, redis_url=redis_url) as made:
        await deploys_under_up(made, registry, DATABASE_URL=empty_database_url, REDIS_URL=redis_url)
    assert await watch_count(empty_database_url) == 1
    assert not (server_directory / "state").exists()


def test_up_on_a_terminal_prints_readable_lines(server_directory: Path, database_url: str, redis_url: str) -> None:
    with site(server_directory, database_url=database_url, redis_url=redis_url) as made:
        made.configure(["app"], host="127.0.0.1:9")
        screen, terminal = pty.openpty()
        options = ("--config", str(made.config), "--data-dir", "state", "--port", str(made.port))
        argv = program("up", *options)
        started = subprocess.Popen(
            argv, cwd=made.directory, env=made.env, stdin=terminal, stdout=terminal, stderr=terminal
        )
        os.close(terminal)
        text = ""
        try:
            deadline = time.monotonic() + START
            while not ("poller.started" in text and "worker.started" in text) and time.monotonic() < deadline:
                text += os.read(screen, 65536).decode(errors="replace")
        finally:
            started.send_signal(signal.SIGINT)
            draining = threading.Thread(target=_drain, args=(screen,), daemon=True)
            draining.start()
            started.wait(60)
    assert "poller.started" in text
    assert '{"' not in text


def _drain(screen: int) -> None:
    """Read until the other end is closed: a full terminal would hold up its writer."""
    with suppress(OSError):
        while os.read(screen, 65536):
            pass
