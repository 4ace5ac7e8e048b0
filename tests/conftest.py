"""Fixtures that several tiers share: real servers, and an empty database and Redis for each test.

The session's servers are embedded ones unless TEST_DATABASE_URL or TEST_REDIS_URL names others. A test that stops,
freezes or kills a server takes a private one.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from app.local.postgres import EmbeddedPostgres
from app.local.servers import GivenServer, LocalServer
from app.local.valkey import EmbeddedValkey
from tests.servers.directories import enterable_directory
from tests.servers.ports import free_port
from tests.servers.postgres import Databases
from tests.servers.programs import on_path
from tests.servers.shared_database import SharedDatabase
from tests.servers.tls import Certificate, issue
from tests.servers.valkey import LogicalDatabases
from tests.tiers import is_long
from tests.xdist_schedule import FileSchedule, priority


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Distribute the tests of `make test` over its workers."""
    return FileSchedule(config, log)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no module of the long tier where none of it runs: each worker would."""
    if config.option.markexpr != "not long" or not collection_path.name.startswith("test_"):
        return None
    return is_long(collection_path.relative_to(config.rootpath).as_posix()) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the long tier. Start the slowest tests first; otherwise keep the order."""
    for item in items:
        if is_long(item.nodeid):
            item.add_marker("long")
    items.sort(key=lambda item: priority(item.nodeid))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server_directory() -> Iterator[Path]:
    """A directory for a private server's data; unlike tmp_path, root's Postgres account can enter it."""
    with enterable_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[LocalServer]:
    """The session's Postgres."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield GivenServer(url=given)
        return
    with enterable_directory() as directory, EmbeddedPostgres(directory, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[LocalServer]:
    """The session's Valkey."""
    if given := os.environ.get("TEST_REDIS_URL"):
        yield GivenServer(url=given)
        return
    with enterable_directory() as directory, EmbeddedValkey(directory) as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres_server: LocalServer) -> Iterator[Databases]:
    """Makes databases on the session's Postgres."""
    made = Databases(postgres_server.url)
    yield made
    made.drop_template()


@pytest.fixture(scope="session")
def shared_database(databases: Databases) -> Iterator[SharedDatabase]:
    """The database of all tests that need none of their own, one after another."""
    shared = SharedDatabase(databases)
    yield shared
    shared.drop()


@pytest.fixture
def database_url(shared_database: SharedDatabase) -> str:
    """A migrated, empty database, for this test alone while it runs."""
    return shared_database.emptied()


@pytest.fixture
def own_database_url(databases: Databases) -> Iterator[str]:
    """A migrated, empty database that no other test ever has."""
    url = databases.fresh()
    yield url
    databases.drop(url)


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """A database of this test's own without any table."""
    url = databases.empty()
    yield url
    databases.drop(url)


@pytest.fixture(scope="session")
def logical_databases(valkey_server: LocalServer) -> LogicalDatabases:
    """Provides logical databases of the session's Valkey."""
    number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    count = os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    return LogicalDatabases(valkey_server.url, share=(int(number), int(count)))


@pytest.fixture
def redis_url(logical_databases: LogicalDatabases) -> str:
    """An empty logical database of this test's own."""
    return logical_databases.fresh()


@pytest.fixture
def private_postgres(server_directory: Path) -> Iterator[EmbeddedPostgres]:
    """A running Postgres that the test may stop, freeze and kill; tests.servers.postgres.migrate creates the schema."""
    with EmbeddedPostgres(server_directory, port=free_port(), durable=False) as server:
        yield server


@pytest.fixture
def private_valkey(server_directory: Path) -> Iterator[EmbeddedValkey]:
    """A running Valkey that the test may stop, freeze and kill."""
    with EmbeddedValkey(server_directory, port=free_port()) as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for this machine, issued by a private authority."""
    return issue(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def find_program() -> Callable[..., str]:
    """Returns find(*names, fix): the path of a program that pip cannot install, the first name that is there.

    A missing program skips the test on a laptop, with the fix as the reason. Where CI is set, it is an error.
    """

    def find(*names: str, fix: str) -> str:
        if found := on_path(*names):
            return found
        reason = f"{names[0]} is not on PATH: {fix}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)

    return find
