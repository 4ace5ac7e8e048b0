"""httpx clients for Nomad on the event loop, with the Access that all requests share, and the problems of their calls.

It must not know what is asked for.
"""

import ssl

import httpx

from app.adapters.nomad.http.access import NomadAccess
from app.adapters.nomad.http.problem import Silence, tls_silence
from app.outbound.client import CONNECT_SECONDS
from app.outbound.network import AnswerRefused, Network
from app.outbound.trust import shared_trust

FAILURES = (httpx.HTTPError, httpx.InvalidURL, AnswerRefused, OSError, ValueError, ImportError)
"""What a request raises when there is no usable answer."""


def open_client(access: NomadAccess, *, connections: int, read_seconds: float) -> httpx.AsyncClient:
    """A client with at most so many connections. `read_seconds` bounds each silence of the server.

    Raises one of FAILURES for a certificate file or a proxy that cannot be used.
    """
    trust = access.trust() if access.base_url.startswith("https://") else shared_trust(None)
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30.0)
    return httpx.AsyncClient(
        base_url=access.base_url,
        auth=access.credentials,
        transport=Network(verify=trust, limits=limits, uds=access.connection.socket_path),
        trust_env=False,  # the network knows the environment's proxies
        # A request may wait for a free connection as long as it takes.
        timeout=httpx.Timeout(read_seconds, connect=CONNECT_SECONDS, pool=None),
    )


def extensions(access: NomadAccess) -> dict[str, str]:
    """The extensions of each request: the name that the certificate must hold, if it is not the address's."""
    name = access.connection.tls_server_name
    return {"sni_hostname": name} if name else {}


def silence_of(error: BaseException) -> Silence:
    """Why there was no usable answer, in words with the fix; never what the library says about the request."""
    if isinstance(error, TimeoutError | httpx.ReadTimeout | httpx.WriteTimeout | httpx.PoolTimeout):
        return Silence("it did not answer in time; it is asked again later", sent=True)
    if isinstance(error, ssl.SSLError) or (isinstance(error, httpx.ConnectError) and "SSL" in str(error)):
        return tls_silence(str(error))
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return Silence("it cannot be reached; check that the agent is up, or correct NOMAD_ADDR", sent=False)
    if isinstance(error, httpx.TransportError):
        return Silence("the connection broke before the answer; it is asked again later", sent=True)
    if isinstance(error, AnswerRefused):
        return Silence(str(error), sent=True)
    return Silence(f"the call failed ({type(error).__name__}); correct the NOMAD_* variables", sent=True)
