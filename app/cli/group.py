"""The group of all commands: it turns errors into a sentence on stderr and an exit status, without a traceback."""

from typing import Any

import click

from app.errors import ConfigError, RegistryWatcherError

FAILED = 1
MISTAKEN = 2


class Commands(click.Group):
    """A group whose commands report an error of this program in a sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A RegistryWatcherError goes to stderr, with status 2 for a ConfigError and 1 otherwise."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            _explain(error)
            ctx.exit(MISTAKEN)
        except RegistryWatcherError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(FAILED)


def _explain(error: ConfigError) -> None:
    """Write a line for each fault to stderr."""
    many = len(error.faults)
    click.echo(f"error: the configuration has {many} fault{'s' if many != 1 else ''}", err=True)
    for fault in error.faults:
        click.echo(f"  {fault}", err=True)
