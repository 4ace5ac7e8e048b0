"""One database for many tests, one after another: each finds it as a new one, which takes far longer to make.

A test may change its schema or its settings, or fill it: it is made anew then.
"""

import asyncio
import os

import asyncpg

from tests.servers.postgres import Databases, name_of

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
# What a test may have changed: its first user writes this down, and who comes later compares.
_SCHEMA = """
SELECT md5(concat(
  (SELECT string_agg(format('%s.%s %s %s %s', attrelid::regclass, attname, atttypid, attnotnull, attisdropped), ','
     ORDER BY attrelid, attnum) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
   WHERE relnamespace = 'public'::regnamespace),
  (SELECT string_agg(format('%s %s', tgname, tgenabled), ',' ORDER BY oid) FROM pg_trigger),
  (SELECT string_agg(conname, ',' ORDER BY oid) FROM pg_constraint),
  (SELECT string_agg(proname || prosrc, ',' ORDER BY oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
  (SELECT string_agg(nspname, ',' ORDER BY oid) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'),
  (SELECT string_agg(setconfig::text, ',') FROM pg_db_role_setting
   WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())))),
  (SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()),
  (SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace)
"""
_LARGE = 2 * 1024 * 1024  # bytes; empty tables of that size are slow to read


class SharedDatabase:
    """Made when it is first used."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._name = f"registrywatcher_test_{os.getpid()}_shared"
        self._url = ""

    def emptied(self) -> str:
        """Its URL, with the schema and the rows of a new database and without anybody's session."""
        name = f"{self._name}_{os.environ.get(PLACE, '')}"
        if not self._url or PLACE in os.environ:
            self._url = self._databases.named(name)
        if not asyncio.run(_empty(self._url)):
            self._databases.drop(self._url)
            self._url = self._databases.named(name)
            assert asyncio.run(_empty(self._url))
        return self._url

    def drop(self) -> None:
        """Call it at the end of the session."""
        self._databases.drop_all(self._name)


async def _empty(url: str) -> bool:
    """Empty it; False if only a new one would be as a new one."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_END_SESSIONS)
        schema, first, size = await connection.fetchrow(_SCHEMA)
        if first is None:
            await connection.execute(f"COMMENT ON DATABASE \"{name_of(url)}\" IS '{schema}'")
        elif first != schema or size > _LARGE:
            return False
        deletes = await connection.fetchval(_DELETES)
        await connection.execute(f"SET session_replication_role = replica; {deletes}; {_AS_NEW}")
    except asyncpg.InsufficientPrivilegeError:  # a setting makes everybody another role
        return False
    else:
        return True
    finally:
        await connection.close()
