"""`demo` and `up`: everything on this machine, under a supervisor."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from app.cli.options import config_option, data_dir_option, port_option


@click.command()
@data_dir_option
@port_option
def demo(data_dir: Path, port: int | None) -> None:
    """Show a whole delivery on this machine. Servers, a registry and a Nomad simulator are included."""
    from app.local.demo import run_demo

    _supervise(run_demo(data_dir=data_dir, port=port))


@click.command()
@config_option
@data_dir_option
@port_option
def up(config: Path | None, data_dir: Path, port: int | None) -> None:
    """Run everything on this machine, with your registries and Nomad.

    The database gets its schema. Postgres and Redis are included unless the configuration (DATABASE_URL, REDIS_URL)
    names yours.
    """
    from app.adapters.postgres.database.migrate import migrate
    from app.local.up import run_up
    from app.settings import load_settings

    settings = load_settings(config, os.environ)
    _supervise(
        run_up(
            settings.file or Path(os.devnull),  # an empty file: all settings come from the environment
            data_dir=data_dir,
            url=_local_url(settings.host, settings.port if port is None else port),
            database_url=settings.database_url.reveal() or None,
            redis_url=settings.redis_url.reveal() if settings.redis_given else None,
            port=port,
            migrate=migrate,
        )
    )


def _supervise(run: Coroutine[Any, Any, None]) -> None:
    """Run the supervisor to its end. The error for a part that did not start shows its last lines."""
    import asyncio

    from app.errors import SchemaMismatch
    from app.local.daemon import ServerFailed

    try:
        asyncio.run(run)
    except (ServerFailed, SchemaMismatch) as error:
        raise click.ClickException(str(error)) from error


def _local_url(host: str, port: int) -> str:
    """The URL by which a process of this machine reaches the web process that listens on `host`."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"
