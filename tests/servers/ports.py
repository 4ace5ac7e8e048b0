"""A port for a server that a test starts, and may restart: nobody else gets it while the server is stopped.

The system assigns ports from `ip_local_port_range` to connections and to callers without a fixed port; ours are below.
"""

import random
import socket

from app.local.ports import LOOPBACK

_LOWEST, _BEYOND = 10_000, 32_000
_random = random.SystemRandom()  # tests that run at the same time must not choose the same port


def free_port() -> int:
    """A port on which nobody listens."""
    while True:
        port = _random.randrange(_LOWEST, _BEYOND)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
