"""One database for many tests, one after another: each finds it as a new one, which takes far longer to make."""

import asyncio
import os

import asyncpg

from tests.servers.postgres import Databases

# Each of several forks of one test process has another one, so that they may run at once (tests/mutants).
PLACE = "REGISTRYWATCHER_TEST_PLACE"

# A session that an earlier test left may still have a statement to end.
_END_SESSIONS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# Without triggers, which needs a superuser, so that the order does not matter. Few rows are deleted far sooner than
# tables are truncated.
_DELETES = """
SELECT string_agg(format('DELETE FROM %I', relname), '; ') FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'schema_migrations'
"""
_AS_NEW = "INSERT INTO switches DEFAULT VALUES; SELECT setval(seqrelid, seqstart, false) FROM pg_sequence"


class SharedDatabase:
    """Made when it is first used. A test that changes the schema must not take it."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._name = f"registrywatcher_test_{os.getpid()}_shared"
        self._url = ""

    def emptied(self) -> str:
        """Its URL, with the rows of a new database and without anybody's session."""
        if not self._url or PLACE in os.environ:
            self._url = self._databases.named(f"{self._name}_{os.environ.get(PLACE, '')}")
        asyncio.run(_empty(self._url))
        return self._url

    def drop(self) -> None:
        """Call it at the end of the session."""
        self._databases.drop_all(self._name)


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_END_SESSIONS)
        deletes = await connection.fetchval(_DELETES)
        await connection.execute(f"SET session_replication_role = replica; {deletes}; {_AS_NEW}")
    finally:
        await connection.close()
