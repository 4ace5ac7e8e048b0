"""Backups of a database by pg_dump and pg_restore of the embedded Postgres's wheel, also while it is used."""

import asyncio
import importlib.metadata
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from app.local.pg_home import INSTALLATION, WHEEL

_PROGRAMS = Path(str(importlib.metadata.distribution(WHEEL).locate_file(INSTALLATION))) / "bin"


async def back_up(url: str, file: Path) -> None:
    """Write a backup of the database, as of one moment."""
    await _run("pg_dump", "--format=custom", f"--file={file}", url)


async def restore(url: str, file: Path) -> None:
    """Put the backup in the place of the database: its connections end, and it is away for a moment."""
    parts = urlsplit(url)
    name = parts.path.lstrip("/")
    beside = f"{name}_restored"
    connection = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")))
    try:
        await connection.execute(f'CREATE DATABASE "{beside}" TEMPLATE template0')
        restored = urlunsplit(parts._replace(path=f"/{beside}"))
        await _run("pg_restore", "--exit-on-error", f"--dbname={restored}", str(file))
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await connection.execute(f'ALTER DATABASE "{beside}" RENAME TO "{name}"')
    finally:
        await connection.close()


async def _run(program: str, *arguments: str) -> None:
    running = await asyncio.create_subprocess_exec(_PROGRAMS / program, *arguments)
    assert await running.wait() == 0, program
