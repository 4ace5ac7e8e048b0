"""Which hosts are this machine itself: what must never leave it, and who can only be on it. Pure; no name is resolved.

It must not decide what follows from that: `app/outbound/proxies.py` and the web's access do.
"""

import ipaddress
import re
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LONGEST = 255  # a name of DNS has at most 253 characters
_NUMERIC = re.compile(r"[0-9][0-9a-fxA-FX.]*", re.ASCII)


def is_loopback(host: str) -> bool:
    """Whether the name or address, with or without brackets and a final dot, can only mean this machine.

    "0.0.0.0" does not: a server that listens there is reached from everywhere.
    """
    if is_local_name(host):
        return True
    found = address(host)
    return found is not None and found.is_loopback


def stays_here(host: str) -> bool:
    """Whether a connection to `host` ends on this machine: loopback, or the unspecified address (0.0.0.0, ::)."""
    if is_loopback(host):
        return True
    found = address(host)
    return found is not None and found.is_unspecified


def is_local_name(host: str) -> bool:
    """Whether it is `localhost` or a name below it (RFC 6761, section 6.3)."""
    if len(host) > _LONGEST:
        return False
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost")


def address(host: str) -> Address | None:
    """The address that `host` spells, as resolvers read it: 127.1, 0x7f.1 and 2130706433 are addresses too.

    An IPv4 address that is mapped into IPv6 is the IPv4 address. None for a name.
    """
    if len(host) > _LONGEST:
        return None
    text = host.rstrip(".").removeprefix("[").removesuffix("]")
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return _spelled_oddly(text)
    return getattr(found, "ipv4_mapped", None) or found


def _spelled_oddly(text: str) -> Address | None:
    if _NUMERIC.fullmatch(text) is None:
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(text))
    except OSError:
        return None
