"""What every request to Nomad carries, whichever HTTP library sends it: token, place, path, credentials and trust.

Two libraries send requests. python-nomad (on requests) reads and registers. It has no blocking queries that free the
thread, so httpx sends those. Both build their requests from one Access, so that they never differ. The proxy is chosen
for both by app/outbound/proxies.py.
"""

import os
import ssl
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from app.adapters.nomad.http.connection import NomadConnection
from app.adapters.nomad.http.token import TokenSource
from app.domain.watch import JobPlace
from app.outbound.client import user_agent
from app.outbound.trust import trusted_authorities

_SOCKET_ORIGIN = "http://localhost"
_DENIED = (401, 403)


class NomadAccess:
    """One connection with its token. Safe to use from several threads.

    Raises ConfigError at once for a connection that can never work.
    """

    def __init__(self, connection: NomadConnection) -> None:
        connection.check()
        self.connection = connection
        self._token = TokenSource(connection.token, connection.token_file)

    @property
    def base_url(self) -> str:
        """The address without a final slash; a unix socket has a stand-in for its host."""
        return _SOCKET_ORIGIN if self.connection.socket_path else self.connection.address.rstrip("/")

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password of NOMAD_HTTP_AUTH, or None."""
        if not self.connection.http_auth:
            return None
        user, _, password = self.connection.http_auth.partition(":")
        return user, password

    def token(self) -> str:
        """The token to send now; "" for none."""
        return self._token.current()

    def token_after(self, used: str, status: int) -> str | None:
        """The token to try once more with, when Nomad refused `used` with `status`; None when there is no other."""
        return self._token.renewed(used) if status in _DENIED else None

    def headers(self, token: str) -> dict[str, str]:
        """The headers of a request with this token."""
        return {"User-Agent": user_agent(), **({"X-Nomad-Token": token} if token else {})}

    def place(self, place: JobPlace) -> JobPlace:
        """The place with the connection's namespace and region where it names none."""
        namespace = place.namespace or self.connection.namespace or "default"
        return replace(place, namespace=namespace, region=place.region or self.connection.region)

    def parameters(self, place: JobPlace) -> dict[str, str]:
        """The query parameters for the place. python-nomad leaves them out of some calls, so we send them always."""
        settled = self.place(place)
        return {"namespace": settled.namespace, **({"region": settled.region} if settled.region else {})}

    def path(self, *segments: str) -> tuple[str, ...]:
        """The segments percent-encoded: a job id may hold `/`, `%` or `?`, and is one segment all the same."""
        return tuple(quote(segment, safe="") for segment in segments)

    def trust(self) -> ssl.SSLContext:
        """A new TLS context: whom it trusts, and our own certificate. Raises OSError for a file that cannot be used.

        As in Nomad's own client a CA file wins over a directory. Without either, the bundle counts that the environment
        names (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE), then the public authorities. Each library gets a context of its own,
        because urllib3 changes the one that it is given.
        """
        known = self.connection
        context = _trusting(known.ca_cert or known.ca_path or _bundle_of_environment())
        if known.skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if known.client_cert:
            context.load_cert_chain(known.client_cert, known.client_key or None)
        return context


def _bundle_of_environment() -> str:
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or ""


def _trusting(authorities: str) -> ssl.SSLContext:
    """A context that trusts a file or a directory of authorities; "" for the public ones."""
    if not authorities:
        return trusted_authorities(None)
    if Path(authorities).is_dir():
        return ssl.create_default_context(capath=authorities)
    return ssl.create_default_context(cafile=authorities)
