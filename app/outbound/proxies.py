"""Which proxy of the environment a request uses, if any: one rule for every HTTP library in use here.

The variables are those of curl: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, in upper or lower case. Libraries read
NO_PROXY differently, so their own reading is not used. It must not open connections, nor know their purpose.
"""

import ipaddress
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit
from urllib.request import getproxies

from app.outbound.loopback import address, stays_here

_SCHEMES = ("http", "https")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """The proxy of each scheme, and the exempt hosts. A proxy's URL may contain a password."""

    by_scheme: dict[str, str] = field(default_factory=dict, repr=False)
    exempt: tuple[str, ...] = ()

    @classmethod
    def of_environment(cls) -> Self:
        """The proxies of the environment now."""
        given = getproxies()
        chosen = {scheme: given.get(scheme) or given.get("all") or "" for scheme in _SCHEMES}
        return cls(
            by_scheme={scheme: url if "://" in url else f"http://{url}" for scheme, url in chosen.items() if url},
            exempt=tuple(given.get("no", "").replace(",", " ").lower().split()),
        )

    def proxy_for(self, scheme: str, host: str, port: int | None) -> str | None:
        """The URL of the proxy for a request to `host`; None to connect directly, always so for this machine."""
        proxy = self.by_scheme.get(scheme)
        if proxy is None or stays_here(host):
            return None
        name = host.rstrip(".").lower()
        place = port or _PORTS[scheme]
        return None if any(_covers(entry, scheme, name, place) for entry in self.exempt) else proxy

    def proxy_for_url(self, url: str) -> str | None:
        """As `proxy_for`, for a whole URL. Raises ValueError for an invalid URL."""
        parts = urlsplit(url)
        return self.proxy_for(parts.scheme, parts.hostname or "", parts.port)


def _covers(entry: str, scheme: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY covers the host: by its name, domain or network, with or without a port.

    Where curl, requests and httpx differ, the entry covers more: its author wants no proxy.
    """
    if entry == "*":
        return True
    its_scheme, separator, rest = entry.rpartition("://")
    if separator and its_scheme not in ("all", scheme):
        return False
    if "/" in rest:
        return _is_within(host, rest)
    name, its_port = _split(rest)
    if its_port and its_port != str(port):
        return False
    found = address(host)
    if found is not None:
        return found == address(name)
    name = name.lstrip("*.").rstrip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _split(entry: str) -> tuple[str, str]:
    """Host and port of an entry; a bare IPv6 address has colons, and no port."""
    if entry.count(":") > 1 and not entry.startswith("["):
        return entry, ""
    name, _, port = entry.rpartition(":") if entry.rpartition(":")[2].isdecimal() and ":" in entry else (entry, "", "")
    return name, port


def _is_within(host: str, network: str) -> bool:
    found = address(host)
    try:
        return found is not None and found in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
