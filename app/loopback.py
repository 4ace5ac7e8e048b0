"""What can only mean this machine: addresses and names of loopback. Pure.

It must not resolve names: what DNS says of one is somebody else's word.
"""

import ipaddress


def is_loopback_address(text: str) -> bool:
    """Whether the text is an address of loopback, as a socket names it; a name is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback  # Python looks into ::ffff:127.0.0.1 from 3.13 on


def is_loopback(host: str) -> bool:
    """Whether the host of a URL or of a Host header can only mean this machine."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return is_loopback_address(name.strip("[]"))
