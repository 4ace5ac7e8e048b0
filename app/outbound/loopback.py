"""Which hosts are this machine itself. Pure; resolves no name.

It must not decide the consequences: app/outbound/proxies.py and the web's access do.
"""

import ipaddress
import re
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LONGEST = 255  # a DNS name has at most 253 characters
_NUMERIC = re.compile(r"[0-9][0-9a-fxA-FX.]*", re.ASCII)


def is_loopback(host: str) -> bool:
    """Whether the name or address, with or without brackets and a final dot, can only mean this machine.

    "0.0.0.0" does not: other machines reach a server that listens there.
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
    """The address that `host` is, as resolvers read it: 127.1, 0x7f.1 and 2130706433 are addresses too.

    An IPv4-mapped IPv6 address counts as the IPv4 address. None for a name.
    """
    if len(host) > _LONGEST:
        return None
    text = host.rstrip(".").removeprefix("[").removesuffix("]")
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return _numeric(text)
    return getattr(found, "ipv4_mapped", None) or found


def _numeric(text: str) -> Address | None:
    if _NUMERIC.fullmatch(text) is None:
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(text))
    except OSError:
        return None
