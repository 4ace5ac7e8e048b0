"""The requests.Session under python-nomad: what that cannot do (unix sockets, a TLS name of its own, HTTP auth).

It must not decide anything about answers.
"""

import socket
import warnings
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import InsecureRequestWarning, NewConnectionError

from app.adapters.nomad.connection import NomadConnection

_SOCKET_ORIGIN = "http://localhost"


def base_address(connection: NomadConnection) -> str:
    """The address for python-nomad, without a final slash; a unix socket hides behind a name of its own."""
    return _SOCKET_ORIGIN if connection.socket_path else connection.address.rstrip("/")


def open_session(connection: NomadConnection) -> requests.Session:
    """A session for one thread. Proxies of the environment hold, except for unix sockets."""
    session = requests.Session()
    if connection.http_auth:
        user, _, password = connection.http_auth.partition(":")
        session.auth = (user, password)
    if connection.socket_path:
        session.trust_env = False
        session.mount(_SOCKET_ORIGIN, _SocketAdapter(connection.socket_path))
    elif connection.tls_server_name:
        session.mount("https://", _NamedAdapter(connection.tls_server_name))
    if connection.skip_verify:
        # The user switched verification off by name; a warning at every call tells nothing more.
        warnings.simplefilter("ignore", InsecureRequestWarning)
    return session


class _NamedAdapter(HTTPAdapter):
    """Wants a certificate for `name` whatever the address says: Nomad's are for server.<region>.nomad."""

    def __init__(self, name: str) -> None:
        self._name = name
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, server_hostname=self._name, assert_hostname=self._name, **kwargs)


class _SocketAdapter(HTTPAdapter):
    """Speaks HTTP over one unix socket (the Task API at ${NOMAD_SECRETS_DIR}/api.sock)."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pool: _SocketPool | None = None
        super().__init__()

    def get_connection_with_tls_context(self, *_args: Any, **_kwargs: Any) -> HTTPConnectionPool:
        if self._pool is None:
            self._pool = _SocketPool(self._path)
        return self._pool

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
        super().close()


class _SocketPool(HTTPConnectionPool):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def _new_conn(self) -> "_SocketConnection":
        return _SocketConnection(self._path)


class _SocketConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connected.settimeout(self.timeout if isinstance(self.timeout, float | int) else None)
        try:
            connected.connect(self._path)
        except OSError as error:
            connected.close()
            raise NewConnectionError(self, f"no answer on {self._path}: {error}") from error
        self.sock = connected
