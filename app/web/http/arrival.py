"""How a request came in: by which sockets, from which address, and whether a proxy passed it on. Pure.

It must not trust what a request says of itself: a header can only make its caller less trusted here.
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
_OLD = "1.0"  # what nginx speaks to what is behind it before 1.29.7, unless told otherwise; browsers and curl never do


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """The addresses of the sockets that the process listens on, as the kernel names them; () when nobody told."""

    addresses: tuple[str, ...] = ()

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach them."""
        return bool(self.addresses) and all(map(_is_loopback, self.addresses))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How one request came in. `peer` is the other end of its connection, "" when unknown.

    `passed_on` is the sign of a proxy that it carries, "" without one.
    """

    listening: Listening = Listening()
    peer: str = ""
    passed_on: str = ""

    @property
    def doubt(self) -> str:
        """Why its sender may be on another machine, as a clause; "" when that cannot be."""
        if not self.listening.addresses:
            return "it is not known what this process listens on"
        if not self.listening.loopback:
            return f"this process listens wider ({', '.join(self.listening.addresses)})"
        if not _is_loopback(self.peer):
            return f"this came from {self.peer or 'an unknown address'}"
        if self.passed_on:
            return f"a proxy passed this on ({self.passed_on}), for whoever it serves"
        return ""


def arrival(scope: Mapping[str, Any], listening: Listening) -> Arrival:
    """How the request of an ASGI scope came in. The server must not take `client` from headers."""
    client = scope.get("client")
    return Arrival(
        listening=listening,
        peer=str(client[0]) if client else "",
        passed_on=_sign(name.decode("latin-1") for name, _ in scope["headers"]) or _old(scope),
    )


def _is_loopback(text: str) -> bool:
    """Of an address that a socket has: a name is none, whatever it resolves to."""
    found = address(text)
    return found is not None and found.is_loopback


def _sign(names: Iterable[str]) -> str:
    """The first header that proxies add; its name is cut, since who sent it chose how long it is."""
    lowered = (name.lower() for name in names)
    return next((name[:_SHOWN].title() for name in lowered if name in HEADERS or name.startswith(PREFIXES)), "")


def _old(scope: Mapping[str, Any]) -> str:
    return f"HTTP/{_OLD}" if scope.get("http_version") == _OLD else ""
