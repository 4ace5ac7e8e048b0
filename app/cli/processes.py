"""`web`, `worker`, `poller` and `migrate`: the processes of an installation, one each."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.options import config_option, health_address_option, port_option
from app.cli.settings import process_settings

if TYPE_CHECKING:
    from app.settings import Settings


@click.command()
@config_option
@port_option
def web(config: Path | None, port: int | None) -> None:
    """Serve the API, the webhooks and the pages."""
    import dataclasses

    settings = _reloading_settings(config)
    if port is not None:
        settings = dataclasses.replace(settings, port=port)

    from app.asgi import serve

    serve(settings)


@click.command()
@config_option
@click.option("--threads", type=click.IntRange(1), default=16, show_default=True, help="How many steps run at once.")
@health_address_option
def worker(config: Path | None, threads: int, health_address: tuple[str, int] | None) -> None:
    """Reconcile targets, roll out, follow rollouts and notify. Any number of workers may run."""
    settings = _reloading_settings(config)
    _entry("workers.worker")(settings, threads=threads, health_address=health_address)


@click.command()
@config_option
@health_address_option
def poller(config: Path | None, health_address: tuple[str, int] | None) -> None:
    """Make targets due when no webhook does. Any number of pollers may run."""
    settings = _reloading_settings(config)
    _entry("workers.poller")(settings, health_address=health_address)


@click.command()
@config_option
def migrate(config: Path | None) -> None:
    """Migrate the database's schema to this version."""
    import asyncio

    settings = process_settings(config)

    from app.adapters.postgres.database.migrate import migrate as apply

    applied = asyncio.run(apply(settings.database_url.reveal()))
    click.echo("\n".join(f"applied {name}" for name in applied) or "the schema is current")


def _reloading_settings(config: Path | None) -> Settings:
    """Settings for a process that reloads them. SIGHUP is blocked before the file is read, so that none is lost."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # open_app or run_worker unblocks it
    return process_settings(config)


def _entry(module: str) -> Callable[..., None]:
    """The `main` of a module of `workers`, by name: app must not import workers."""
    import importlib

    entry: Callable[..., None] = importlib.import_module(module).main
    return entry
