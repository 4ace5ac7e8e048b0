"""Open the sockets that a process listens on, before any other part of it starts.

Access depends on their addresses as the kernel reports them. A configuration that is read later changes them only
after a restart.
"""

import errno
import socket
from collections.abc import Sequence
from contextlib import ExitStack

from app.errors import Permanent
from app.web.http.arrival import Listening

_BACKLOG = 2048  # connections that wait to be accepted; uvicorn's own number
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # a machine without IPv6 whose `localhost` has an IPv6 address


def open_sockets(host: str, port: int, *, setting: str = "server_listening_address or PORT") -> list[socket.socket]:
    """A listening socket for each address of `host` on this machine, all on one port; 0 chooses a free port.

    Raises Permanent when there is no such address, or another process uses the port. `setting` is the setting that the
    error names.
    """
    problem = "it is no address of this machine"
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        try:
            for family, address in _addresses(host):
                try:
                    made = _open(family, (address[0], port, *address[2:]))
                except OSError as error:
                    if error.errno not in _NOT_HERE:
                        raise
                    problem = error.strerror or str(error)
                else:
                    sockets.append(opened.enter_context(made))
                    port = made.getsockname()[1]
        except OSError as error:
            raise _refused(host, port, error.strerror or str(error), setting) from error
        if not sockets:
            raise _refused(host, port, problem, setting)
        opened.pop_all()
        return sockets


def listening(sockets: Sequence[socket.socket]) -> Listening:
    """The addresses of the sockets, as the kernel reports them; the family's name for a socket that is not IP."""
    inet = (socket.AF_INET, socket.AF_INET6)
    return Listening(
        addresses=tuple(str(each.getsockname()[0]) if each.family in inet else str(each.family) for each in sockets)
    )


def _addresses(host: str) -> Sequence[tuple[socket.AddressFamily, tuple[int | str | bytes, ...]]]:
    found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _open(family: socket.AddressFamily, address: tuple[int | str | bytes, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(_BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


def _refused(host: str, port: int, problem: str, setting: str) -> Permanent:
    return Permanent(
        f"cannot listen on {host}:{port}: {problem}; stop the program that listens there, or set {setting}"
    )
