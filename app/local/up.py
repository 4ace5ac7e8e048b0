"""Everything on one machine with the user's own registry and Nomad: `registrywatcher up`.

Postgres and Valkey are included unless the user names theirs, and brought back when they end.
"""

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from app.local.keeper import kept
from app.local.output import prefixed
from app.local.processes import own_processes
from app.local.schema import Migrate, migrated
from app.local.servers import LocalServer, choose_postgres, choose_valkey
from app.local.supervisor import supervise
from app.logging import FORMAT_VARIABLE, TEXT


async def run_up(
    config: Path,
    *,
    data_dir: Path,
    url: str,
    database_url: str | None,
    redis_url: str | None,
    port: int | None,
    migrate: Migrate,
) -> None:
    """Run until a signal comes, and leave no process behind. `url` is the web's address on this machine.

    `migrate` gives the database at a URL its schema: whoever starts everything by one command runs no second one.
    Raises ServerFailed when a server or process does not become ready, with its last lines; SchemaMismatch.
    """
    with ExitStack() as stack:
        postgres = started(stack, choose_postgres(data_dir, database_url=database_url))
        valkey = started(stack, choose_valkey(data_dir, redis_url=redis_url))
        env = environment(postgres.url, valkey.url, readable=sys.stdout.isatty())
        services = own_processes(("--config", str(config)), env, url=url, port=port)

        async def show_url() -> None:
            print(f"registrywatcher serves {url}/  (Ctrl-C stops everything)", flush=True)  # noqa: T201

        servers = {"postgres": postgres, "valkey": valkey}
        show = prefixed([*(each.name for each in services), *servers], sys.stdout)
        async with kept(servers, show=show), migrated(migrate, postgres.url, tell):
            await supervise(services, show=show, then=show_url)


def tell(problem: str) -> None:
    """Print what keeps the database from its schema."""
    print(problem, file=sys.stderr, flush=True)  # noqa: T201


def started(stack: ExitStack, server: LocalServer) -> LocalServer:
    """Start the server, and stop it when the stack closes."""
    stack.callback(server.stop)
    server.start()
    return server


def environment(database_url: str, redis_url: str, *, readable: bool = False) -> Mapping[str, str]:
    """Our environment, with the servers for the processes. With `readable` they log text unless it says otherwise: a
    person watches, although each process writes into a pipe."""
    log = {FORMAT_VARIABLE: TEXT} if readable else {}
    return {**log, **os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
