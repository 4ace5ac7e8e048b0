"""The options and arguments that several commands share."""

from pathlib import Path

import click


def _address(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[str, int] | None:
    if not text:
        return None
    from app.settings.listening import parse_address

    address = parse_address(text)
    if address is None:
        raise click.BadParameter('is not an address: write host and port, as "127.0.0.1:8081" or ":8081"')
    return address


config_option = click.option(
    "--config", type=click.Path(path_type=Path), help="The TOML file.  [default: config/staging.toml]"
)
port_option = click.option("--port", type=click.IntRange(0, 65535), help="Listen on this port, not the file's.")
health_address_option = click.option(
    "--health-address",
    envvar="REGISTRYWATCHER_HEALTH_ADDRESS",
    metavar="HOST:PORT",
    callback=_address,
    help="Answer /healthz and /readyz here.  [default: nowhere]",
)
data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".registrywatcher"),
    show_default=True,
    help="Where the embedded servers keep their data.",
)
rollout_id_argument = click.argument("rollout_id", type=click.UUID)
reason_option = click.option("--reason", default="", help="Why, for the audit log and the message of a hold.")
