"""The command line: reads options, loads the configuration, starts one process. It must not know how anything is done.

Imports stand inside the commands, so that `--help` answers at once. Exit status: 0 well, 1 failed, 2 a user's mistake.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from app.errors import ConfigError, RegistryWatcherError

if TYPE_CHECKING:
    from app.services.commands.watches import Operator, Reply
    from app.settings import Settings

FAILED = 1
MISTAKEN = 2

_config = click.option(
    "--config", type=click.Path(path_type=Path), help="The TOML file.  [default: config/staging.toml]"
)
_port = click.option("--port", type=click.IntRange(0, 65535), help="Listen on this port, whatever the file says.")
_health_address = click.option(
    "--health-address",
    envvar="REGISTRYWATCHER_HEALTH_ADDRESS",
    metavar="HOST:PORT",
    callback=lambda _context, _parameter, value: _address(value),
    help="Answer /healthz and /readyz here.  [default: nowhere]",
)
_rollout_id = click.argument("rollout_id", type=click.UUID)
_data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".registrywatcher"),
    show_default=True,
    help="Where the embedded servers keep their data.",
)


class Commands(click.Group):
    """A group whose commands tell what went wrong in a sentence, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what this program raises on purpose goes to stderr, with status 2 for a configuration."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            _explain(error)
            ctx.exit(MISTAKEN)
        except RegistryWatcherError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(FAILED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Continuous delivery from container registries to HashiCorp Nomad."""


@main.command()
@_data_dir
@_port
def demo(data_dir: Path, port: int | None) -> None:
    """Show the whole line on this machine: servers, a registry and a Nomad simulator are brought along."""
    from app.local.demo import run_demo

    _supervise(run_demo(data_dir=data_dir, port=port))


@main.command()
@_config
@_data_dir
@_port
def up(config: Path | None, data_dir: Path, port: int | None) -> None:
    """Run everything on this machine, with your registries and Nomad.

    Postgres and Redis are brought along unless the configuration (DATABASE_URL, REDIS_URL) names yours.
    """
    from app.local.up import run_up
    from app.settings import load_settings

    settings = load_settings(config, os.environ)
    _supervise(
        run_up(
            settings.file or Path(os.devnull),  # an empty file: the environment says it all
            data_dir=data_dir,
            url=_local_url(settings.host, settings.port if port is None else port),
            database_url=settings.database_url.reveal() or None,
            redis_url=settings.redis_url.reveal() if settings.redis_given else None,
            port=port,
        )
    )


@main.command()
@_config
@_port
def web(config: Path | None, port: int | None) -> None:
    """Serve the API, the webhooks and the page."""
    import dataclasses

    settings = _following(config)
    if port is not None:
        settings = dataclasses.replace(settings, port=port)

    from app.asgi import serve

    serve(settings)


@main.command()
@_config
@click.option("--threads", type=click.IntRange(1), default=16, show_default=True, help="How much is done at once.")
@_health_address
def worker(config: Path | None, threads: int, health_address: tuple[str, int] | None) -> None:
    """Look, roll out, observe and notify. Any number of workers may run."""
    settings = _following(config)
    _entry("workers.worker")(settings, threads=threads, health_address=health_address)


@main.command()
@_config
@_health_address
def poller(config: Path | None, health_address: tuple[str, int] | None) -> None:
    """Make watches due when no webhook does. Any number of pollers may run."""
    settings = _following(config)
    _entry("workers.poller")(settings, health_address=health_address)


@main.command()
@_config
def migrate(config: Path | None) -> None:
    """Bring the database's schema to this version."""
    import asyncio

    settings = _process(config)

    from app.adapters.postgres.database.migrate import migrate as apply

    applied = asyncio.run(apply(settings.database_url.reveal()))
    click.echo("\n".join(f"applied {name}" for name in applied) or "the schema is current")


@main.command("check-config")
@_config
def check_config(config: Path | None) -> None:
    """Tell everything that is wrong with the configuration, or what it says.  [exit status 2 when wrong]"""
    from app.settings import load_settings, summarise

    click.echo("\n".join(summarise(load_settings(config, os.environ))))


@main.command()
@_config
@_rollout_id
def promote(config: Path | None, rollout_id: UUID) -> None:
    """Promote the canaries of a rollout that waits for it."""
    from app.services.commands import rollouts

    _execute(config, lambda operator, by: rollouts.promote(operator, rollout_id, by=by))


@main.command()
@_config
@_rollout_id
def fail(config: Path | None, rollout_id: UUID) -> None:
    """Fail the Nomad deployment of a rollout."""
    from app.services.commands import rollouts

    _execute(config, lambda operator, by: rollouts.fail(operator, rollout_id, by=by))


@main.command()
@_config
@_rollout_id
def rollback(config: Path | None, rollout_id: UUID) -> None:
    """Go back: from a job's newest rollout to what ran before it, or to what an earlier one brought."""
    from app.services.commands import rollouts

    _execute(config, lambda operator, by: rollouts.rollback(operator, rollout_id, by=by))


@main.command("release-hold")
@_config
@click.argument("repo")
def release_hold(config: Path | None, repo: str) -> None:
    """Let go what holds a repository back until somebody says so: what failed, or was rolled back, or changed."""
    from app.services.commands import watches

    _execute(config, lambda operator, by: watches.release_hold(operator, repo, by=by))


@main.command()
@_config
@click.option("--accept", is_flag=True, help="Have the running processes take it, whatever watches it takes away.")
def reload(config: Path | None, accept: bool) -> None:
    """Tell which watches the configuration would change, as it reads now.

    Running processes read their file by themselves. They hold back what takes away most watches, and a file that is
    older than what is in force: --accept lets that pass. It never lets API tokens go: that takes a restart.
    """
    import asyncio

    from app.bootstrap.operating import compare_watches
    from app.services.config.changes import describe_changes

    settings = _speaking(config)
    difference = asyncio.run(compare_watches(settings, accepted_by=_user() if accept else ""))
    click.echo("\n".join(describe_changes(difference, accepted=accept)))


@main.command()
def version() -> None:
    """Print the version."""
    from importlib import metadata

    click.echo(metadata.version("registrywatcher"))


def _address(text: str | None) -> tuple[str, int] | None:
    if not text:
        return None
    from app.settings.listening import parse_address

    address = parse_address(text)
    if address is None:
        raise click.BadParameter('is not an address: write host and port, as "127.0.0.1:8081" or ":8081"')
    return address


def _following(config: Path | None) -> Settings:
    """Settings for a process that follows them: from before they are read, a SIGHUP waits until it can be heeded."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # open_app or run_worker lets it in
    return _process(config)


def _process(config: Path | None) -> Settings:
    """Settings for a process of its own, with its log set up and a database to speak to."""
    from app.logging import configure_logging
    from app.settings import load_settings, require_database

    configure_logging(os.environ, sys.stdout)
    settings = load_settings(config, os.environ)
    require_database(settings)
    return settings


def _speaking(config: Path | None) -> Settings:
    """Settings for a command that works on the database; warnings go to stderr."""
    from app.logging import LEVEL_VARIABLE, configure_logging
    from app.settings import load_settings, require_database

    configure_logging({LEVEL_VARIABLE: "warning", **os.environ}, sys.stderr)
    settings = load_settings(config, os.environ)
    require_database(settings)
    return settings


def _execute(config: Path | None, word: Callable[[Operator, str], Coroutine[Any, Any, Reply]]) -> None:
    """Say a person's word in the database of the configuration, and print the answer."""
    import asyncio

    from app.bootstrap.operating import open_operator

    settings = _speaking(config)

    async def execute() -> Reply:
        async with open_operator(settings) as operator:
            return await word(operator, _user())

    reply = asyncio.run(execute())
    click.echo(f"{reply.message} (rollout {reply.rollout_id})" if reply.rollout_id else reply.message)


def _user() -> str:
    """Who runs this, by the system's name; the number of one who has none."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _supervise(run: Coroutine[Any, Any, None]) -> None:
    """Run the supervisor to its end; a part that did not start is told with its last lines."""
    import asyncio

    from app.local.daemon import ServerFailed

    try:
        asyncio.run(run)
    except ServerFailed as error:
        raise click.ClickException(str(error)) from error


def _local_url(host: str, port: int) -> str:
    """Where a process of this machine reaches the web that listens on `host`."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def _entry(module: str) -> Callable[..., None]:
    """The `main` of a module of `workers`, by name: app does not import what stands on it."""
    import importlib

    entry: Callable[..., None] = importlib.import_module(module).main
    return entry


def _explain(error: ConfigError) -> None:
    """A line for each fault, to stderr."""
    many = len(error.faults)
    click.echo(f"error: the configuration has {many} fault{'s' if many != 1 else ''}", err=True)
    for fault in error.faults:
        click.echo(f"  {fault}", err=True)
