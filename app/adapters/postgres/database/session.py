"""Time limits of a session: Postgres and the kernel end the sessions of frozen and cut-off processes.

A process that is stopped in a transaction keeps its locks until Postgres ends its session. A process that is cut off
keeps them until TCP gives up, after two hours by default. No SQL of the stores here.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# What was acknowledged outlives a crash of Postgres, also where a role or a database has synchronous_commit off. A
# stronger setting stays. Set for the session, so that a later change of the server's settings does not weaken it.
_SET = """
SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS setting (name, value)
UNION ALL
SELECT set_config('synchronous_commit', coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'), false)
"""
_PROBES = 3

# A process may be stopped, or cut off, between two messages of one statement. Postgres then calls its session active,
# and only transaction_timeout (from 17 on) ends it. Our sessions never wait for their client in a statement. The name
# of each session has its limit: other installations, and migrations, have other limits.
_END_STUCK = r"""
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
  AND wait_event = 'ClientRead' AND state <> 'idle' AND state_change < clock_timestamp() - make_interval(secs =>
    substring(application_name from '^registrywatcher \(([0-9]+[.][0-9]+) s\)$')::float8)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """Seconds: how long a statement waits for a lock, how long it runs, how long a transaction stays open without a
    statement, and how long the peer may take to answer.

    0 means no limit, as in Postgres. https://www.postgresql.org/docs/current/runtime-config-client.html
    """

    lock: float = 2.0
    statement: float = 15.0
    idle_in_transaction: float = 4.0
    silent_peer: float = 4.0
    idle: float = 0.0

    @classmethod
    def of_lease(cls, seconds: float) -> "SessionLimits":
        """The limits for a lease: a worker that lost it holds no lock that the next worker waits for."""
        return cls(lock=seconds / 2, idle_in_transaction=seconds, silent_peer=seconds)

    @property
    def application(self) -> str:
        """The name of the session in pg_stat_activity."""
        return f"registrywatcher ({self.idle_in_transaction:.3f} s)"

    def settings(self) -> Iterator[tuple[str, str]]:
        """Names and values for Postgres."""
        probe = max(1, round(self.silent_peer / (_PROBES + 1)))
        yield "lock_timeout", _milliseconds(self.lock)
        yield "statement_timeout", _milliseconds(self.statement)
        yield "idle_in_transaction_session_timeout", _milliseconds(self.idle_in_transaction)
        yield "tcp_keepalives_idle", str(probe)
        yield "tcp_keepalives_interval", str(probe)
        yield "tcp_keepalives_count", str(_PROBES)
        yield "tcp_user_timeout", _milliseconds(self.silent_peer)
        if self.idle:
            yield "idle_session_timeout", _milliseconds(self.idle)


async def limit(connection: Any, limits: SessionLimits) -> None:
    """Set the limits at both ends of the connection, and that commits are durable, in one round trip.

    By a statement, since a connection pooler may refuse such settings at the start of a session.
    """
    names, values = zip(*limits.settings(), strict=True)
    await connection.execute(_SET, names, values)
    # asyncpg has no public access to its socket. Without it the limits of statements still end what hangs.
    transport = getattr(connection, "_transport", None)
    opened = transport.get_extra_info("socket") if transport is not None else None
    if opened is not None and opened.family != getattr(socket, "AF_UNIX", None):
        _limit_socket(opened, limits)


async def end_stuck(connection: Any) -> int:
    """End sessions of any of our processes that hold a transaction and wait for their client longer than their limit.
    Returns their count."""
    ended: int = await connection.fetchval(_END_STUCK)
    return ended


def _limit_socket(opened: Any, limits: SessionLimits) -> None:
    """Let the kernel give up a server that is cut off. Not every system has each option."""
    probe = max(1, round(limits.silent_peer / (_PROBES + 1)))
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", probe),
        ("TCP_KEEPINTVL", probe),
        ("TCP_KEEPCNT", _PROBES),
        ("TCP_USER_TIMEOUT", round(limits.silent_peer * 1000)),
    ):
        if hasattr(socket, name):
            opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
