"""Run a local registry until a signal ends it. Only errors are logged."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from . import Generated, LocalRegistry, RegistryNotifications, RegistrySettings, StateDirectory, create_registry_app


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    headers = dict(_header(text) for text in options.notify_header)
    settings = RegistrySettings(
        version=options.version,
        host=f"{options.host}:{options.port}",
        link_delay=options.link_delay,
        notifications=tuple(RegistryNotifications(url=url, headers=headers) for url in options.notify),
        generated=_generated(options.generated),
    )
    state = StateDirectory(options.state) if options.state else None
    app = create_registry_app(LocalRegistry(settings, state=state))
    # The shutdown is limited because a planned hang must not keep the process alive.
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=1,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.simulators.registry", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument(
        "--notify", metavar="URL", action="append", default=[], help="send notifications to it; may be repeated"
    )
    parser.add_argument(
        "--notify-header", metavar="'Name: value'", action="append", default=[], help="a header of them"
    )
    parser.add_argument(
        "--link-delay", metavar="SECONDS", type=float, default=0.0, help="from the notification to the tag"
    )
    parser.add_argument("--state", metavar="DIRECTORY", type=Path, help="keep images in it")
    parser.add_argument("--version", choices=["2.8", "3.x"], default="2.8", help="of Distribution")
    parser.add_argument("--generated", metavar="REPOSITORIESxTAGS", help="for load tests, e.g. 10000x1000")
    return parser


def _header(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    return name.strip(), value.strip()


def _generated(text: str | None) -> Generated | None:
    if not text:
        return None
    repositories, _, tags = text.partition("x")
    return Generated(repositories=int(repositories), tags=int(tags))


if __name__ == "__main__":
    main()
