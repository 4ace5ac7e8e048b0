"""An empty, migrated database for each test, copied from a template that is migrated one time per session."""

import asyncio
import itertools
import os
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from app.adapters.postgres.database.migrate import migrate as run_migrations


class Databases:
    """Makes and drops databases on one server."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._numbers = itertools.count(1)
        self._template: str | None = None

    def fresh(self) -> str:
        """The URL of a new database with our schema and no rows."""
        return self._migrated(f"{_prefix()}_{next(self._numbers)}")

    def named(self, name: str) -> str:
        """The URL of the database of this name with our schema; it is made unless it is there."""
        with suppress(asyncpg.DuplicateDatabaseError):
            self._migrated(name)
        return _with_database(self._server_url, name)

    def empty(self) -> str:
        """The URL of a new database without a schema, for tests of the migrations themselves."""
        return self._create(f"{_prefix()}_{next(self._numbers)}", template="template0")

    def drop(self, url: str) -> None:
        """Drop the database of the URL, also while somebody is connected."""
        asyncio.run(execute(self._server_url, f'DROP DATABASE IF EXISTS "{name_of(url)}" WITH (FORCE)'))

    def drop_all(self, prefix: str) -> None:
        """Drop all databases whose names begin so."""
        for name in asyncio.run(_names(self._server_url, prefix)):
            self.drop(_with_database(self._server_url, name))

    def drop_template(self) -> None:
        """Call it at the end of the session."""
        if self._template is not None:
            self.drop(_with_database(self._server_url, self._template))

    def _migrated(self, name: str) -> str:
        if self._template is None:
            self._template = self._migrated_template()
        return self._create(name, template=self._template)

    def _migrated_template(self) -> str:
        name = f"{_prefix()}_template"
        migrate(self._create(name, template="template0"))
        return name

    def _create(self, name: str, *, template: str) -> str:
        asyncio.run(execute(self._server_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy'))
        return _with_database(self._server_url, name)


def _prefix() -> str:
    """A given server may be used by two test runs, and a test run may fork (tests/mutants)."""
    return f"registrywatcher_test_{os.getpid()}"


def migrate(url: str) -> None:
    """Create our schema in a database, with the product's migration runner."""
    asyncio.run(run_migrations(url))


def name_of(url: str) -> str:
    """The database that the URL names."""
    return urlsplit(url).path.lstrip("/")


async def execute(url: str, sql: str) -> None:
    """Execute it on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def _names(url: str, prefix: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", prefix)
        return [row["datname"] for row in rows]
    finally:
        await connection.close()


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
