"""The SQL of the fault suite: reads states that no page shows, and makes the database fail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

import asyncpg

_DRIFT = "SELECT watch_name, message FROM decisions WHERE reason = 'drifted'"
_END_SESSIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> $1
"""
_WAITING = """
SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE NOT granted AND datname = current_database()
"""
_FAULT = """
CREATE SEQUENCE IF NOT EXISTS faults_met;
CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {guard} THEN
    PERFORM nextval('faults_met');
    RAISE EXCEPTION 'made up' USING ERRCODE = '{state}';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER fault BEFORE {event} FOR EACH {each} EXECUTE FUNCTION fault();
"""
_UNEXPLAINED = """
SELECT reason, message FROM decisions
WHERE kind = 'hold' AND reason NOT IN ('up_to_date', 'busy', 'queued')
UNION ALL
SELECT outcome, reason FROM rollouts WHERE outcome NOT IN ('succeeded', 'superseded')
"""
_KEYS = {"targets": "job_id", "watches": "name"}


async def outage(connection: asyncpg.Connection, watch: str) -> str:
    """The outage of the watch's registry, "" when there is none."""
    return str(await connection.fetchval("SELECT outage FROM watches WHERE name = $1", watch) or "")


async def expired_leases(connection: asyncpg.Connection) -> int:
    """The number of targets with an expired lease."""
    return int(await connection.fetchval("SELECT count(*) FROM targets WHERE lease_until < clock_timestamp()"))


async def all_beat_since(connection: asyncpg.Connection, kind: str) -> bool:
    """Whether each process of the kind has sent a heartbeat since the last of them started: until then, one that falls
    silent counts as replaced by that one."""
    query = "SELECT min(beat_at) > max(started_at) FROM processes WHERE kind = $1"
    return bool(await connection.fetchval(query, kind))


async def process_kinds(connection: asyncpg.Connection) -> list[str]:
    """The kind of each process that beats, in alphabetical order."""
    return [row["kind"] for row in await connection.fetch("SELECT kind FROM processes ORDER BY kind")]


async def make_polls_late(connection: asyncpg.Connection) -> None:
    """Make every target due to be polled since a minute."""
    await connection.execute("UPDATE targets SET poll_at = clock_timestamp() - interval '1 minute'")


async def drift_decisions(connection: asyncpg.Connection) -> list[tuple[str, str]]:
    """(watch, message) of every decision that claims drift."""
    return [(row["watch_name"], row["message"]) for row in await connection.fetch(_DRIFT)]


async def end_sessions(connection: asyncpg.Connection, *, but: str = "") -> int:
    """End every other session of the database but those of that application; returns how many."""
    return int(await connection.fetchval(_END_SESSIONS, but or "nobody"))


async def backend_pids(connection: asyncpg.Connection) -> list[int]:
    """The process ids of all backends of the server."""
    return [row["pid"] for row in await connection.fetch("SELECT pid FROM pg_stat_activity")]


async def make_read_only(connection: asyncpg.Connection, database_url: str, *, on: bool) -> None:
    """Make the database read-only for new sessions, or writable again."""
    name = urlsplit(database_url).path.lstrip("/")
    if on:
        await connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        return
    await connection.execute("SET default_transaction_read_only = off")
    await connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')


async def raise_error(
    connection: asyncpg.Connection,
    state: str,
    *,
    event: str = "UPDATE ON targets",
    guard: str = "true",
    each: Literal["STATEMENT", "ROW"] = "STATEMENT",
) -> None:
    """Raise the error state before each such event, for rows that match the guard."""
    await connection.execute(_FAULT.format(state=state, event=event, guard=guard, each=each))


async def fail_all_writes(connection: asyncpg.Connection, state: str) -> None:
    """Raise the error state before each insert and update of any table."""
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    for row in tables:
        event = f'INSERT OR UPDATE ON "{row["tablename"]}"'
        await connection.execute(_FAULT.format(state=state, event=event, guard="true", each="STATEMENT"))


async def stop_raising(connection: asyncpg.Connection) -> int:
    """Remove the error of `raise_error`; returns how often it was raised."""
    await connection.execute("DROP FUNCTION fault CASCADE")
    met = int(await connection.fetchval("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM faults_met"))
    await connection.execute("DROP SEQUENCE faults_met")
    return met


async def lock_tables(connection: asyncpg.Connection, *tables: str) -> None:
    """Let nobody else write to these tables until the transaction ends."""
    await connection.execute(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE")


async def waiting_for_locks(connection: asyncpg.Connection) -> int:
    """The number of sessions that wait for a lock."""
    return int(await connection.fetchval(_WAITING))


async def server_version(connection: asyncpg.Connection) -> str:
    """The version of Postgres."""
    return str(await connection.fetchval("SHOW server_version"))


async def open_pushes(connection: asyncpg.Connection) -> int:
    """The number of events that a watch has not answered yet."""
    return int(await connection.fetchval("SELECT count(*) FROM event_watches WHERE settled_at IS NULL"))


@asynccontextmanager
async def connected(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test's own."""
    connection = await asyncpg.connect(database_url)
    try:
        yield connection
    finally:
        await connection.close()


async def rollouts_under_way(connection: asyncpg.Connection) -> int:
    """The number of rollouts that have not ended."""
    return int(await connection.fetchval("SELECT count(*) FROM rollouts WHERE ended_at IS NULL"))


def lock_row(table: Literal["targets", "watches"], name: str) -> str:
    """The statement that locks the row of that watch or job."""
    return f"SELECT FROM {table} WHERE {_KEYS[table]} = '{name}' FOR UPDATE"


async def create_commits(connection: asyncpg.Connection) -> None:
    """Create a table for commits that have nothing to do with the product."""
    await connection.execute("CREATE TABLE committed (at timestamptz DEFAULT now())")


async def commit(connection: asyncpg.Connection) -> Any:
    """Insert and commit one row into that table."""
    return await connection.execute("INSERT INTO committed DEFAULT VALUES")


async def job_index(connection: asyncpg.Connection, job: str) -> int:
    """The index of the job as it was read last."""
    return int(await connection.fetchval("SELECT job_index FROM targets WHERE job_id = $1", job))


async def jobs_that_rest(connection: asyncpg.Connection) -> int:
    """The number of jobs that were read, are not due, and whose namespace is followed."""
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM targets t JOIN namespaces f USING (region, namespace) "
            "WHERE t.job_read_at IS NOT NULL AND t.due_at IS NULL AND t.lease_token IS NULL "
            "AND f.streaming_at > clock_timestamp() - interval '10 seconds'"
        )
    )


async def unexplained(connection: asyncpg.Connection) -> list[tuple[str, str]]:
    """Holds and ends of rollouts that need a cause outside: a person, a foreign change, an image that fails.

    For tests in which there was none of these.
    """
    return [(row["reason"], row["message"]) for row in await connection.fetch(_UNEXPLAINED)]
