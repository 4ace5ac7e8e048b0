"""The embedded Postgres keeps what was committed, refuses other versions' data, and never outlives its parent."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import asyncpg
import pytest

from app.local.daemon import ServerFailed
from app.local.pg_home import MAJOR, STATE_DIRECTORY
from app.local.ports import answers
from app.local.postgres import EmbeddedPostgres
from tests.servers.processes import gone


async def run(server: EmbeddedPostgres, sql: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_kept_rows_survive_stop_and_kill_on_the_same_url(private_postgres: EmbeddedPostgres) -> None:
    await run(private_postgres, "CREATE TABLE kept (x int)")
    url = private_postgres.url
    for x, end in enumerate((private_postgres.stop, private_postgres.kill), start=1):
        await run(private_postgres, f"INSERT INTO kept VALUES ({x})")
        end()
        assert private_postgres.pid == 0
        private_postgres.start()
    assert private_postgres.url == url
    assert await run(private_postgres, "SELECT count(*) FROM kept") == 2


async def test_kill_leaves_no_backend(private_postgres: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(private_postgres.url)
    backend = await connection.fetchval("SELECT pg_backend_pid()")
    private_postgres.kill()
    assert gone(backend)
    connection.terminate()


def test_a_second_start_is_quiet(private_postgres: EmbeddedPostgres) -> None:
    pid = private_postgres.pid
    private_postgres.start()
    assert private_postgres.pid == pid


async def test_a_stranger_without_the_password_is_refused(private_postgres: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(private_postgres.url, password="guess")


def test_the_password_file_is_private(private_postgres: EmbeddedPostgres, server_directory: Path) -> None:
    mode = (server_directory / f"pg{MAJOR}.password").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_data_of_another_major_version_is_refused(server_directory: Path) -> None:
    old = server_directory / "pg17"
    old.mkdir()
    (old / "PG_VERSION").write_text("17\n")
    with pytest.raises(ServerFailed, match=r"Postgres 17, the embedded one is 18: dump it"):
        EmbeddedPostgres(server_directory).start()


def test_a_failed_start_shows_the_log(private_postgres: EmbeddedPostgres, server_directory: Path) -> None:
    second = EmbeddedPostgres(server_directory)
    with pytest.raises(ServerFailed, match=r'lock file "postmaster.pid" already exists'):
        second.start()


def test_an_interrupted_initdb_is_begun_again(server_directory: Path) -> None:
    partial = server_directory / f"pg{MAJOR}.partial"
    partial.mkdir()
    (partial / "PG_VERSION").write_text(f"{MAJOR}\n")
    with EmbeddedPostgres(server_directory, durable=False) as server:
        assert server.pid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands Postgres to another account")
def test_roots_server_works_below_a_private_directory(server_directory: Path) -> None:
    private = server_directory / "private"
    private.mkdir(mode=0o700)
    try:
        with EmbeddedPostgres(private, durable=False) as server:
            assert server.pid
        with EmbeddedPostgres(private, durable=False) as server:
            assert server.pid
    finally:
        elsewhere = (private / f"pg{MAJOR}").readlink().parent
        assert elsewhere.parent == STATE_DIRECTORY
        shutil.rmtree(elsewhere)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_parent(server_directory: Path, end: signal.Signals) -> None:
    program = textwrap.dedent(
        f"""
        import sys, threading, time
        from pathlib import Path
        from app.local.postgres import EmbeddedPostgres
        server = EmbeddedPostgres(Path({str(server_directory)!r}), durable=False)
        starter = threading.Thread(target=server.start)
        starter.start()
        starter.join()
        print(server.pid, server.url.rpartition(":")[2].split("/")[0], flush=True)
        time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, port = map(int, parent.stdout.readline().split())
        assert answers(port)
        parent.send_signal(end)
    assert gone(pid, within=30)
    assert not answers(port)
