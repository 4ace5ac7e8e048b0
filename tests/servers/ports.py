"""A port for a server that a test starts, and may start again: nobody else gets it while the server is away.

The system hands out ports from `ip_local_port_range` to every connection and to all who ask for any; ours lie below.
"""

import random
import socket

from app.local.ports import LOOPBACK

_LOWEST, _BEYOND = 10_000, 32_000
_random = random.SystemRandom()  # tests that run at once must not draw the same


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
