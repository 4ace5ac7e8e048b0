"""The command line: read options, load the configuration, start one process or run one command. Nothing else.

Imports stand inside the commands, so that `--help` answers at once. Exit status: 0 success, 1 failure, 2 a mistake of
the user.
"""

import click

from app.cli.commands import fail, promote, release_hold, rollback
from app.cli.configuration import check_config, reload
from app.cli.group import Commands
from app.cli.local import demo, up
from app.cli.processes import migrate, poller, web, worker
from app.cli.why import why


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Continuous delivery from container registries to HashiCorp Nomad."""


@main.command()
def version() -> None:
    """Print the version."""
    from importlib import metadata

    click.echo(metadata.version("registrywatcher"))


_PROCESSES = (demo, up, web, worker, poller, migrate)
_COMMANDS = (check_config, reload, why, promote, fail, rollback, release_hold)

for command in (*_PROCESSES, *_COMMANDS):
    main.add_command(command)
