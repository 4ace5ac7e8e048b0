"""Whether, by the configuration, other machines reach the service. Pure."""

from urllib.parse import urlsplit

from app.outbound.loopback import is_loopback


def outward(external_url: str) -> str:
    """The host of the URL by which other machines reach the service; "" for a loopback URL, and for none."""
    host = urlsplit(external_url).hostname or external_url
    return "" if not host or is_loopback(host) else host
