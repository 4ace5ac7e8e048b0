"""Free TCP ports, and whether a program answers on one. Loopback only; must not keep a port."""

import contextlib
import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that is free now. The caller binds it soon, and tries another if a program was faster."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int, *, timeout: float = 0.5) -> bool:
    """Whether a connection to the port is accepted."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=timeout):
        return True
    return False
