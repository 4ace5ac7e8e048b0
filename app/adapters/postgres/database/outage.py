"""Which of the driver's errors mean that Postgres cannot be used now, and the fix for each. Knows no SQL.

All of the driver's errors do, except those that our own mistakes cause: these must stay visible as mistakes.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from app.errors import StoreSilent, StoreUnavailable

# Our mistakes by class of the SQLSTATE: data that cannot be stored (22, 23), invalid SQL (42), too large (54).
_OURS = ("22", "23", "42", "54")

# These count as an outage in any class: for example an older schema, or a user without the rights.
_FIXES_OF_STATES = {
    "42P01": "run `registrywatcher migrate`, or set create_database_schema = true",
    "42703": "run `registrywatcher migrate`: the schema is older than the program",
    "42501": "grant this database user the rights of the schema's owner",
    "25006": "make it writable again: it may be a standby, or default_transaction_read_only is on",
    "53100": "free space on its disk; it is tried again",
    "55P03": "another session holds a lock; it is tried again",
    "40P01": "another session wrote the same rows; it is tried again",
}
_FIXES_OF_CLASSES = {
    "28": "check the user and the password in DATABASE_URL; it is tried again",
    "3D": "create the database, or correct its name in DATABASE_URL; it is tried again",
    "53": "give it more resources, or its users fewer connections; it is tried again",
}
FIX = "check that it is up, and check DATABASE_URL; it is tried again"

# Errors of the layers below, which the driver passes on when a connection breaks: also EOFError and InvalidStateError.
_FROM_BELOW = (OSError, TimeoutError, EOFError, asyncio.InvalidStateError)
# The server itself answers so while it stops or starts, or has no connection left.
_SILENT_STATES = ("08", "57P01", "57P02", "57P03", "57P05", "53300")

_DRIVERS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, *_FROM_BELOW)


@contextmanager
def outages_translated() -> Iterator[None]:
    """Translates the driver's errors in the block to StoreUnavailable, except those that our own mistakes cause."""
    try:
        yield
    except _DRIVERS as error:
        if not _is_ours(error):
            raise _translated(error) from error
        raise


def _is_ours(error: Exception) -> bool:
    state = _state(error)
    return state[:2] in _OURS and state not in _FIXES_OF_STATES


def _state(error: Exception) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _translated(error: Exception) -> StoreUnavailable:
    state = _state(error)
    is_silent = not isinstance(error, asyncpg.PostgresError) or state.startswith(_SILENT_STATES)
    fix = _FIXES_OF_STATES.get(state) or _FIXES_OF_CLASSES.get(state[:2], FIX)
    cause = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".rstrip(": ")
    if is_silent:
        return StoreSilent(f"Postgres does not answer: {cause}; {fix}")
    return StoreUnavailable(f"Postgres cannot be used now: {cause}; {fix}")
