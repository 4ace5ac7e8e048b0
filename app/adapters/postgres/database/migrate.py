"""Migrates the database to the schema of this program: the plain SQL files of `migrations`, forward only.

Each file is applied once, in order, in one transaction, and recorded with its checksum. A file whose first line is
`-- no-transaction` (CREATE INDEX CONCURRENTLY) holds one statement that may be run again. The files alone
define the schema.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.adapters.postgres.database.pool import Connection, Database, in_transaction
from app.adapters.postgres.database.session import SessionLimits
from app.errors import SchemaMismatch, StoreUnavailable

FOLDER = Path(__file__).resolve().parents[4] / "migrations"  # beside `app`, in a checkout and in site-packages
NO_TRANSACTION = "-- no-transaction"
LOCK = int.from_bytes(b"regwatch")  # the key of the advisory lock; any constant works
WAIT_FOR_OTHERS = 600.0  # seconds, while another process migrates
STATEMENT_TIMEOUT = 3600.0
# Each file sets the time to wait for its own locks. The advisory lock belongs to the session, not to a transaction:
# Postgres also ends the session of a process that is frozen while it holds it.
_LIMITS = SessionLimits(lock=0, statement=STATEMENT_TIMEOUT, idle_in_transaction=60.0, silent_peer=30.0, idle=60.0)
_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")

_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
_RECORD = "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file: `sha256` is of its text with Unix line ends, so that a checkout on Windows counts as equal."""

    version: int
    name: str
    sql: str
    sha256: str

    @property
    def in_transaction(self) -> bool:
        """Whether the file runs in a transaction of its own, together with its record."""
        return not self.sql.startswith(NO_TRANSACTION)


def migrations(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """The program's files in order; SchemaMismatch for a misnamed file, a number that is used twice, or no files."""
    found = tuple(_read(path) for path in sorted(folder.glob("*.sql")))
    if not found:
        raise SchemaMismatch(f"no migrations in {folder}: the installation is incomplete; install the program again")
    versions = [each.version for each in found]
    twice = {version for version in versions if versions.count(version) > 1}
    if twice:
        raise SchemaMismatch(f"two files in {folder} have the number {min(twice):04}: renumber the newer one")
    return found


async def migrate(dsn: str, *, folder: Path = FOLDER) -> tuple[str, ...]:
    """Apply the pending files and return their names. Any number of processes may call it at once.

    Raises SchemaMismatch (a changed file, a newer database, a file that Postgres refuses) or StoreUnavailable (no
    connection, or a table that others locked for 5 s). Files that were applied before the error stay applied.
    """
    files = migrations(folder)
    database = Database(dsn, size=1, limits=_LIMITS)
    try:
        async with database.connection() as connection, _alone(connection):
            try:
                await connection.execute(_TABLE)
                todo = await _pending(connection, files)
                for migration in todo:
                    await _apply(connection, migration)
            except asyncpg.InsufficientPrivilegeError as error:
                raise SchemaMismatch(f"this database user may not change the schema: {error}") from error
            return tuple(migration.name for migration in todo)
    finally:
        await database.close()


async def pending(dsn: str, *, folder: Path = FOLDER) -> tuple[str, ...]:
    """The names of the files that `migrate` would apply; changes nothing, raises as `migrate` does."""
    database = Database(dsn, size=1)
    try:
        async with database.connection() as connection:
            return await pending_on(connection, folder=folder)
    finally:
        await database.close()


async def pending_on(connection: Connection, *, folder: Path = FOLDER) -> tuple[str, ...]:
    """As `pending`, on an open connection."""
    return tuple(migration.name for migration in await _pending(connection, migrations(folder)))


async def _pending(connection: Connection, files: Sequence[Migration]) -> tuple[Migration, ...]:
    if await connection.fetchval("SELECT to_regclass('schema_migrations') IS NULL"):
        return tuple(files)
    rows = await connection.fetch("SELECT version, name, sha256 FROM schema_migrations ORDER BY version")
    known = {each.version: each for each in files}
    for row in rows:
        file = known.get(row["version"])
        if file is None:
            raise SchemaMismatch(
                f"the database is newer than this program: it has migration {row['name']}, "
                f"which this version does not know. Run the newer program"
            )
        if file.sha256 != row["sha256"]:
            raise SchemaMismatch(
                f"migration {file.name} was changed after it was applied. "
                "Put the file back as it was, and make the change in a new file"
            )
    applied = {row["version"] for row in rows}
    return tuple(each for each in files if each.version not in applied)


async def _apply(connection: Connection, migration: Migration) -> None:
    record = (migration.version, migration.name, migration.sha256)
    try:
        if migration.in_transaction:
            async with in_transaction(connection):
                # Fail instead of waiting for a long transaction: all later statements would wait behind this one.
                await connection.execute("SET LOCAL lock_timeout = '5s'")
                await connection.execute(migration.sql, timeout=STATEMENT_TIMEOUT)
                await connection.execute(_RECORD, *record)
        else:
            await connection.execute(migration.sql, timeout=STATEMENT_TIMEOUT)
            await connection.execute(_RECORD, *record)
    except asyncpg.LockNotAvailableError as error:
        raise StoreUnavailable(f"migration {migration.name}: another session locks a table; try again later") from error
    except (asyncpg.SyntaxOrAccessError, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        raise SchemaMismatch(f"Postgres refuses migration {migration.name}: {error}") from error


@asynccontextmanager
async def _alone(connection: Connection) -> AsyncIterator[None]:
    """Hold the advisory lock. It is polled: a session that waits in pg_advisory_lock keeps a snapshot, and CREATE INDEX
    CONCURRENTLY of the lock's holder would wait for that session."""
    try:
        async with asyncio.timeout(WAIT_FOR_OTHERS):
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise StoreUnavailable("another process has been migrating this database for too long") from error
    is_silent = False
    try:
        yield
    except (TimeoutError, asyncio.CancelledError):
        is_silent = True  # the connection is cut, and the lock ends with its session
        raise
    finally:
        if not is_silent and not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


def _read(path: Path) -> Migration:
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise SchemaMismatch(f"{path} is not named NNNN_name.sql: rename it")
    sql = path.read_text(encoding="utf-8")
    return Migration(version=int(match[1]), name=path.stem, sql=sql, sha256=hashlib.sha256(sql.encode()).hexdigest())
