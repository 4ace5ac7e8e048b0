"""The requests.Session under python-nomad: adds unix sockets, our TLS context, HTTP authentication and the proxy."""

import socket
import ssl
import warnings
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import InsecureRequestWarning, NewConnectionError

from app.adapters.nomad.http.access import NomadAccess
from app.outbound.proxies import Proxies


def open_session(access: NomadAccess) -> requests.Session:
    """A session for one thread. Raises OSError when a certificate file cannot be used.

    Of the environment only the proxies count, as app/outbound/proxies.py reads them. requests alone would also send the
    user and password that a ~/.netrc holds for the host.
    """
    session = requests.Session()
    session.trust_env = False
    session.auth = access.credentials
    connection = access.connection
    if connection.socket_path:
        session.mount(access.base_url, _SocketAdapter(connection.socket_path))
        return session
    scheme, proxy = urlsplit(connection.address).scheme, Proxies.of_environment().proxy_for_url(connection.address)
    if proxy is not None:
        session.proxies = {scheme: proxy}
    if scheme == "https":
        session.mount("https://", _TrustAdapter(access.trust(), connection.tls_server_name))
    if connection.skip_verify:
        # The operator switched verification off; a warning at every call adds nothing.
        warnings.simplefilter("ignore", InsecureRequestWarning)
    return session


class _TrustAdapter(HTTPAdapter):
    """Verifies by our TLS context, whatever `verify` and `cert` a call passes.

    A `name` is the one that the certificate must hold, whatever the address says: Nomad's certificates are issued for
    server.<region>.nomad.
    """

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        self._pool_settings = {"ssl_context": context, **({"server_hostname": name} if name else {})}
        super().__init__()

    def build_connection_pool_key_attributes(self, request: Any, *_args: Any, **_kwargs: Any) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify=True)
        return host, dict(self._pool_settings)

    def cert_verify(self, *_args: Any, **_kwargs: Any) -> None:
        """Leave the connection as the context says."""


class _SocketAdapter(HTTPAdapter):
    """HTTP over one unix socket (the Task API at ${NOMAD_SECRETS_DIR}/api.sock)."""

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
