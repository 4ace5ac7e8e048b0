"""How a request arrived: on which sockets, from which address, and whether a proxy forwarded it. Pure.

It does not trust the request's own headers: a header can only make its caller less trusted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.outbound.loopback import address

PREFIXES = (
    "x-forwarded",  # -For, -Host, -Proto, -Port, -Server, -Prefix, …: Apache, Caddy and Traefik by default, most others
    "x-envoy-",  # Envoy, and with it Istio and Contour
    "cf-",  # Cloudflare, and its tunnels, which end at loopback
    "tailscale-",  # tailscale serve and funnel, which end at loopback
)
HEADERS = frozenset(
    {
        "forwarded",  # RFC 7239: HAProxy's `option forwarded`, and others
        "via",  # RFC 9110: Caddy, Squid, Varnish, Apache with ProxyVia
        "cdn-loop",  # RFC 8586: content delivery networks
        "x-real-ip",  # nginx as it is usually configured, Traefik
        "x-scheme",  # the ingress of Kubernetes by nginx
        "x-original-forwarded-for",  # the same
        "x-original-host",  # Azure's application gateway, tunnels of editors
        "x-original-url",  # IIS
        "x-client-ip",
        "x-cluster-client-ip",  # Rackspace, Zeus
        "client-ip",
        "true-client-ip",  # Akamai, Cloudflare
        "fastly-client-ip",
        "fly-client-ip",
        "x-azure-clientip",
        "x-amzn-trace-id",  # load balancers of AWS
        "x-cloud-trace-context",  # load balancers of Google
        "forwarded-for",
        "x-originating-ip",
        "x-remote-ip",
        "x-remote-addr",
        "x-proxyuser-ip",
    }
)
_SHOWN = 60  # characters
_PROXY_VERSION = "1.0"  # the default of nginx before 1.29.7 towards its upstreams; browsers and curl never use it


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """The addresses of the process's listening sockets, as the kernel names them; () when unknown."""

    addresses: tuple[str, ...] = ()

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the sockets."""
        return bool(self.addresses) and all(map(_is_loopback, self.addresses))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How one request arrived. `peer` is the other end of its connection, "" when unknown.

    `forwarded_by` is the header or HTTP version that gives away a proxy, "" without one.
    """

    listening: Listening = Listening()
    peer: str = ""
    forwarded_by: str = ""

    @property
    def remote_reason(self) -> str:
        """Why its sender may be on another machine, as a clause; "" when it is on this one."""
        if not self.listening.addresses:
            return "the addresses that this process listens on are unknown"
        if not self.listening.loopback:
            return f"this process listens on more than loopback ({', '.join(self.listening.addresses)})"
        if not _is_loopback(self.peer):
            return f"this request came from {self.peer or 'an unknown address'}"
        if self.forwarded_by:
            return f"a proxy forwarded this request ({self.forwarded_by})"
        return ""


def arrival(scope: Mapping[str, Any], listening: Listening) -> Arrival:
    """How the request of an ASGI scope arrived. The server must not take `client` from headers."""
    client = scope.get("client")
    return Arrival(
        listening=listening,
        peer=str(client[0]) if client else "",
        forwarded_by=_proxy_header(name.decode("latin-1") for name, _ in scope["headers"]) or _proxy_version(scope),
    )


def _is_loopback(text: str) -> bool:
    """Whether a socket's address is loopback. A name is none, whatever it resolves to."""
    found = address(text)
    return found is not None and found.is_loopback


def _proxy_header(names: Iterable[str]) -> str:
    """The first header that proxies add. Its name is cut, since its sender chose the length."""
    lowered = (name.lower() for name in names)
    return next((name[:_SHOWN].title() for name in lowered if name in HEADERS or name.startswith(PREFIXES)), "")


def _proxy_version(scope: Mapping[str, Any]) -> str:
    return f"HTTP/{_PROXY_VERSION}" if scope.get("http_version") == _PROXY_VERSION else ""
