"""`promote`, `fail`, `rollback` and `release-hold`: one command of a person each, recorded in the database."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from app.cli.options import config_option, reason_option, rollout_id_argument
from app.cli.settings import command_settings, user_name

if TYPE_CHECKING:
    from app.services.commands.watches import Operator, Reply


@click.command()
@config_option
@rollout_id_argument
def promote(config: Path | None, rollout_id: UUID) -> None:
    """Promote the canaries of a rollout that waits for it."""
    from app.services.commands import rollouts

    _execute(config, lambda operator, by: rollouts.promote(operator, rollout_id, by=by))


@click.command()
@config_option
@rollout_id_argument
@reason_option
def fail(config: Path | None, rollout_id: UUID, reason: str) -> None:
    """Fail the Nomad deployment of a rollout."""
    from app.services.commands import rollouts

    _execute(config, lambda operator, by: rollouts.fail(operator, rollout_id, by=by, reason=reason))


@click.command()
@config_option
@rollout_id_argument
@reason_option
def rollback(config: Path | None, rollout_id: UUID, reason: str) -> None:
    """Roll back a job's newest rollout to what ran before it, or return to what an earlier rollout deployed."""
    from app.services.commands import rollouts

    _execute(config, lambda operator, by: rollouts.rollback(operator, rollout_id, by=by, reason=reason))


@click.command("release-hold")
@config_option
@click.argument("repo")
@reason_option
def release_hold(config: Path | None, repo: str, reason: str) -> None:
    """Release the hold of a repository: a failure, a rollback or a drift that waits for a person."""
    from app.services.commands import watches

    _execute(config, lambda operator, by: watches.release_hold(operator, repo, by=by, reason=reason))


def _execute(config: Path | None, command: Callable[[Operator, str], Coroutine[Any, Any, Reply]]) -> None:
    """Run the command against the configured database, and print the reply."""
    import asyncio

    from app.bootstrap.operating import open_operator

    settings = command_settings(config)

    async def execute() -> Reply:
        async with open_operator(settings) as operator:
            return await command(operator, user_name())

    reply = asyncio.run(execute())
    click.echo(f"{reply.message} (rollout {reply.rollout_id})" if reply.rollout_id else reply.message)
