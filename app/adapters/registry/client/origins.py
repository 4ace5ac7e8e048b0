"""Which realms, redirects and links of a registry are followed, and whether our credentials go with them. Pure.

A registry gets its own credentials only. A registry at a public address must not direct us to loopback, private or
link-local addresses, which only we may reach, nor from TLS to plain HTTP.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from app.outbound.loopback import is_local_name

_DEFAULT_PORT = {"http": 80, "https": 443}
_NUMERIC = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)")


def same_origin(one: str, other: str) -> bool:
    """Whether two absolute URLs agree in scheme, host and port."""
    left, right = _origin(one), _origin(other)
    return left is not None and left == right


def keeps_credentials(source: str, target: str) -> bool:
    """Whether a redirect may carry Authorization: to the same origin, or from plain HTTP up to TLS on the same host."""
    if same_origin(source, target):
        return True
    left, right = _origin(source), _origin(target)
    if left is None or right is None or left[1] != right[1]:
        return False
    return (left[0], left[2], right[0], right[2]) == ("http", 80, "https", 443)


def why_unsafe(target: str, *, home: str) -> str | None:
    """Why a `target` that the registry at `home` names must not be contacted; None when it may be."""
    place, origin = _origin(target), _origin(home)
    if place is None or origin is None:
        return "it is no http or https URL"
    if "@" in urlsplit(target).netloc:
        return "it contains a user name"
    if origin[0] == "https" and place[0] != "https":
        return "it is plain HTTP, and the registry is reached over TLS"
    kind = _kind(place[1])
    allowed = kind == "public" or place[1] == origin[1] or (kind == "private" and _kind(origin[1]) == "private")
    return None if allowed else f"it is a {kind} address, and the registry's is not"


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORT or not parts.hostname:
        return None
    return parts.scheme, parts.hostname.rstrip("."), port or _DEFAULT_PORT[parts.scheme]


def _kind(host: str) -> str:
    """ "public", "private" (loopback included), "link-local" or "unusual"; a name is public, since only DNS knows."""
    if is_local_name(host):
        return "private"
    try:
        address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(host)
    except ValueError:
        # Resolvers read 127.1, 2130706433 and 0x7f.1 as addresses, which would bypass the check above.
        return "unusual" if _NUMERIC.fullmatch(host.rpartition(".")[2]) else "public"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_link_local or address.is_unspecified or address.is_multicast:
        return "link-local"
    return "public" if address.is_global else "private"
