"""The address that a process listens on: Go's "host:port", ":port", "[::1]:port"."""

import re
from collections.abc import Mapping

from app.settings.faults import FaultList, Place

_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.%]+)\]|([^\s:/\[\]]*)):(\d{1,5})", re.ASCII)
_PLACE: Place = ("server_listening_address",)
_MAX_PORT = 65535


def read_listening(text: str, environ: Mapping[str, str], faults: FaultList) -> tuple[str, int]:
    """Host and port. `PORT` replaces the port of the file's address; no host means 0.0.0.0, every IPv4 address."""
    address = parse_address(text)
    if address is None:
        faults.add(_PLACE, "is not an address", 'Write host and port, as "0.0.0.0:8080" or ":8080".')
        return "", 0
    host, port = address
    if environ.get("PORT") and _PLACE not in faults.variables:
        port = _port(environ["PORT"], faults)
    return host, port


def parse_address(text: str) -> tuple[str, int] | None:
    """Host and port, None for an invalid address; no host means 0.0.0.0, every IPv4 address."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[3]) > _MAX_PORT:
        return None
    return match[1] or match[2] or "0.0.0.0", int(match[3])


def _port(text: str, faults: FaultList) -> int:
    port = int(text) if re.fullmatch(r"\d{1,5}", text, re.ASCII) else _MAX_PORT + 1
    if port > _MAX_PORT:
        faults.add_variable("PORT", "is not a port", f"Write a number up to {_MAX_PORT}.")
    return port
