"""`check-config` and `reload`: what the configuration says, and what it would change."""

import os
from pathlib import Path

import click

from app.cli.options import config_option
from app.cli.settings import command_settings, user_name


@click.command("check-config")
@config_option
def check_config(config: Path | None) -> None:
    """List all faults of the configuration, or summarise it.  [exit status 2 for a fault]"""
    from app.settings import load_settings, summarise

    click.echo("\n".join(summarise(load_settings(config, os.environ))))


@click.command()
@config_option
@click.option("--accept", is_flag=True, help="Make the running processes accept it, even if it removes watches.")
def reload(config: Path | None, accept: bool) -> None:
    """Show which watches the configuration would change.

    Running processes read their file by themselves. They hold back a file that removes most watches, and one that is
    older than the configuration in force; --accept lets both pass. It never removes the last API token: that needs a
    restart.
    """
    import asyncio

    from app.bootstrap.operating import compare_watches
    from app.services.config.changes import describe_changes

    settings = command_settings(config)
    difference = asyncio.run(compare_watches(settings, accepted_by=user_name() if accept else ""))
    click.echo("\n".join(describe_changes(difference, accepted=accept)))
