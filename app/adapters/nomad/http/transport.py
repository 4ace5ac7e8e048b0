"""The requests.Session under python-nomad: what that cannot do (unix sockets, a TLS name of its own, HTTP auth).

It must not decide anything about answers.
"""

import os
import socket
import warnings
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import InsecureRequestWarning, NewConnectionError

from app.adapters.nomad.http.connection import NomadConnection
from app.proxies import Proxies

_SOCKET_ORIGIN = "http://localhost"


def base_address(connection: NomadConnection) -> str:
    """The address for python-nomad, without a final slash; a unix socket hides behind a name of its own."""
    return _SOCKET_ORIGIN if connection.socket_path else connection.address.rstrip("/")


def open_session(connection: NomadConnection) -> requests.Session:
    """A session for one thread. Proxies of the environment hold as `app/proxies.py` reads them, unix sockets have none.

    Nothing else of the environment does: requests would send the user and password that a ~/.netrc holds for the host.
    """
    session = requests.Session()
    session.trust_env = False
    if connection.http_auth:
        user, _, password = connection.http_auth.partition(":")
        session.auth = (user, password)
    if connection.socket_path:
        session.mount(_SOCKET_ORIGIN, _SocketAdapter(connection.socket_path))
        return session
    scheme, proxy = urlsplit(connection.address).scheme, Proxies.of_environment().proxy_for_url(connection.address)
    if proxy is not None:
        session.proxies = {scheme: proxy}
    if connection.tls_server_name:
        session.mount("https://", _NamedAdapter(connection.tls_server_name))
    if connection.skip_verify:
        # The user switched verification off by name; a warning at every call tells nothing more.
        warnings.simplefilter("ignore", InsecureRequestWarning)
    return session


def verification(connection: NomadConnection) -> bool | str:
    """What requests takes as `verify`: what is configured, else the bundle that the environment names to requests."""
    configured = connection.verify
    if configured is not True:
        return configured
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True


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
