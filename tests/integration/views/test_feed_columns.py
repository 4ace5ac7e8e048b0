"""A change of each column that a page reads is notified: a column that the triggers forget would update no open
page."""

from collections.abc import AsyncIterator, Mapping
from uuid import UUID

import asyncpg
import pytest

from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.migrate import FOLDER
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.views import view_statements as statements
from app.adapters.postgres.views.feed import CHANNEL
from tests.integration.statements import execute
from tests.integration.views.test_feed import APP, DECIDED, REQUESTED, ZOO

END = "the end of a statement of this test"

READ = {
    "watches": f"{statements.WATCHES.replace('$1', 'true')} ORDER BY w.hold, w.position",  # as the list is sorted
    "a rollout": statements.ROLLOUTS,
    "the situation": statements.SWITCH,
    "what is away": statements.OUTAGES,
}

# Columns that a page reads and whose change sends no notification, each with the reason. All others of these tables do.
QUIET: Mapping[str, Mapping[str, str]] = {
    "watches": {
        "name": "it never changes",
        "hold": "it changes with decision_id",
        "tags": "they are many, and asked for when somebody picks one",
        "tags_read_at": "reading the same again is no change",
        "outage_since": "it changes with trouble",
        "missing_image_since": "it changes with unserved",
    },
    "targets": {
        "target_id": "it never changes",
        "region": "it never changes",
        "namespace": "it never changes",
        "job_id": "it never changes",
        "due_at": "a reconcile that finds nothing new tells nothing",
        "outage_since": "it changes with trouble",
        "job_read_at": "reading the same again is no change",
    },
    "rollouts": {
        **dict.fromkeys(
            ("rollout_id", "target_id", "intent", "origin", "requested_by", "created_at", "undoes"), "it never changes"
        ),
        **dict.fromkeys(
            ("progress", "progressed_at", "running_since", "follow_at", "woken_at", "lease_token", "lease_until"),
            "no page shows it: a worker keeps it for itself",
        ),
        "expected_index": "it changes with changes",
        **dict.fromkeys(("submitted_at", "submission_index", "submission_changed"), "it changes with state"),
        "ended_at": "it changes with outcome",
        "canary_command_by": "it changes with canary_command",
    },
    "switches": {
        "only_row": "it never changes",
        "changed_by": "it changes with paused",
        "changed_at": "it changes with paused",
        "reason": "it changes with paused",
    },
}

_OTHER = {
    "text": "coalesce({0}, '') || 'x'",
    "boolean": "NOT coalesce({0}, false)",
    "integer": "coalesce({0}, 0) + 1",
    "bigint": "coalesce({0}, 0) + 1",
    "double precision": "coalesce({0}, 0) + 1",
    "timestamp with time zone": "clock_timestamp()",
    "jsonb": "jsonb_build_array(clock_timestamp())",
    "ARRAY": "array_append({0}, 'x')",
    "uuid": "gen_random_uuid()",
}
_OF_FEW_VALUES = {
    ("watches", "target_id"): "(SELECT max(target_id) FROM targets)",
    ("rollouts", "state"): "'submitted'",
    ("rollouts", "canary_command"): "'promote'",
}

_COLUMNS_READ = """
SELECT DISTINCT c.relname AS table, a.attname AS column, i.data_type AS type
FROM pg_rewrite r
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_class c ON c.oid = d.refobjid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
JOIN information_schema.columns i
  ON i.table_schema = current_schema() AND i.table_name = c.relname AND i.column_name = a.attname
WHERE r.ev_class = 'page'::regclass ORDER BY 1, 2
"""


@pytest.fixture
async def connection(database: Database, database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """With two watches at two jobs, a decision and a rollout; alone, so that what it hears it has told."""
    await PostgresWatches(database).sync([APP, ZOO], at_start=False)
    await execute(database, DECIDED)
    await execute(database, REQUESTED, UUID(int=7))
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def read_columns(connection: asyncpg.Connection) -> Mapping[tuple[str, str], str]:
    """The columns that pages read, by (table, column), with their types, as Postgres understands the statements."""
    found: dict[tuple[str, str], str] = {}
    for statement in READ.values():
        await connection.execute(f"CREATE VIEW page AS {statement}")
        rows = await connection.fetch(_COLUMNS_READ)
        await connection.execute("DROP VIEW page")
        found |= {(row["table"], row["column"]): row["type"] for row in rows if row["table"] in QUIET}
    return found


async def notifies(connection: asyncpg.Connection, feed: list[str], table: str, column: str, kind: str) -> bool:
    """Whether a change of the column, in the first row that a page shows, sends a notification."""
    other = _OF_FEW_VALUES.get((table, column), _OTHER[kind]).format(column)
    of_one = {"watches": "WHERE name = 'app'", "targets": "WHERE job_id = 'web'"}.get(table, "")
    feed.clear()
    async with connection.transaction():
        await connection.execute(f"UPDATE {table} SET {column} = {other} {of_one}")
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, END)
    while END not in feed:  # it arrives after the notifications of the transaction
        await connection.execute("SELECT 1")
    return feed != [END]


def trigger_migration(table: str) -> str:
    """The migration that has the trigger."""
    found = [
        path.name
        for path in sorted(FOLDER.glob("*.sql"))
        if f"CREATE TRIGGER feed_changed AFTER UPDATE ON {table}" in (text := path.read_text())
        or f"CREATE TRIGGER feed_changed AFTER UPDATE OF outage ON {table}" in text
    ]
    return f"migrations/{found[-1]}" if found else "migrations"


async def test_a_change_of_each_column_that_a_page_reads_is_notified(connection: asyncpg.Connection) -> None:
    feed: list[str] = []
    await connection.add_listener(CHANNEL, lambda _connection, _pid, _channel, payload: feed.append(payload))
    columns = await read_columns(connection)
    assert {table for table, _ in columns} == set(QUIET)
    forgotten = [
        f"{table}.{column}: add it to the trigger feed_changed on {table} in {trigger_migration(table)}; "
        "or to QUIET in this test, with the reason why no page need be told"
        for (table, column), kind in columns.items()
        if column not in QUIET[table] and not await notifies(connection, feed, table, column, kind)
    ]
    assert not forgotten, "\n".join(forgotten)


async def test_every_quiet_column_is_read_by_a_page_and_notifies_nothing(connection: asyncpg.Connection) -> None:
    """Every entry of the exceptions is needed."""
    feed: list[str] = []
    await connection.add_listener(CHANNEL, lambda _connection, _pid, _channel, payload: feed.append(payload))
    columns = await read_columns(connection)
    listed = {(table, column) for table, quiet in QUIET.items() for column in quiet}
    keys = {(table, column) for table, column in listed if "never changes" in QUIET[table][column]}
    assert listed - keys - set(columns) == set()
    assert [each for each in sorted(listed - keys) if await notifies(connection, feed, *each, columns[each])] == []
