"""Which of the driver's errors mean that Postgres cannot be used now, and what a person does about it. Knows no SQL.

Everything that the driver raises counts, but for what means our own mistake: that must be seen as one.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from app.errors import StoreUnavailable

# By class of the SQLSTATE: what we sent cannot be stored (22, 23), not be understood (42), or not be that large (54).
_OURS = ("22", "23", "42", "54")

# In a class of ours, and yet the database's: its schema is older than the program, or the user may not use it.
_FIXES_OF_STATES = {
    "42P01": "run `registrywatcher migrate`, or set create_database_schema = true",
    "42703": "run `registrywatcher migrate`: the schema is older than the program",
    "42501": "grant this database user the rights of the schema's owner",
    "25006": "make it writable again: look whether it is a standby, and at default_transaction_read_only",
    "53100": "free space on its disk; it is tried again",
    "55P03": "another session holds a lock; it is tried again",
    "40P01": "another session wrote the same rows; it is tried again",
}
_FIXES_OF_CLASSES = {
    "28": "look at the user and the password in DATABASE_URL; it is tried again",
    "3D": "create the database, or correct its name in DATABASE_URL; it is tried again",
    "53": "give it more resources, or its users fewer connections; it is tried again",
}
_FIX = "look whether it is up, and at DATABASE_URL; it is tried again"

# What the driver lets through from below when a connection breaks off: EOFError, and a future that is done.
_FROM_BELOW = (OSError, TimeoutError, EOFError, asyncio.InvalidStateError)
_DRIVERS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, *_FROM_BELOW)


@contextmanager
def outages_translated() -> Iterator[None]:
    """Turns what the driver raises in the block into StoreUnavailable, unless it means our own mistake."""
    try:
        yield
    except _DRIVERS as error:
        if not _is_ours(error):
            raise StoreUnavailable(_told(error)) from error
        raise


def _is_ours(error: Exception) -> bool:
    state = _state(error)
    return state[:2] in _OURS and state not in _FIXES_OF_STATES


def _state(error: Exception) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _told(error: Exception) -> str:
    state = _state(error)
    fix = _FIXES_OF_STATES.get(state) or _FIXES_OF_CLASSES.get(state[:2], _FIX)
    return f"Postgres cannot be used now: {type(error).__name__}: {' '.join(str(error).split())[:200]}; {fix}"
