"""The session of a signed-in browser: a cookie that a token signs. It needs no table, and ends with its token.

Pure. The cookie holds no secret: it is `NAME.EXPIRY.MAC`, and the key of the MAC is the secret of the token NAME.
The MAC becomes invalid on all replicas at once when the token's secret or role changes, or the token is removed.
"""

import base64
import hmac
from typing import Protocol

LIFETIME = 12 * 3600  # seconds; one working day
COOKIE = "registrywatcher"
_PURPOSE = "registrywatcher session 1"  # so that no other message signed by a token passes as a session


class Signing(Protocol):
    """A configured token."""

    @property
    def name(self) -> str: ...
    @property
    def role(self) -> int: ...
    def sign(self, message: bytes) -> bytes:
        """The HMAC-SHA256 of the message under the token's secret."""
        ...


def cookie_name(*, https: bool) -> str:
    """The cookie's name; browsers let only this host, over HTTPS, set one that begins with `__Host-`."""
    return f"__Host-{COOKIE}" if https else COOKIE


def sign(token: Signing, *, now: float) -> str:
    """The cookie's value for a browser that sent the token at `now` (Unix time)."""
    expiry = int(now) + LIFETIME
    return f"{_text(token.name.encode())}.{expiry}.{_text(_mac(token, expiry))}"


def is_valid(cookie: str, token: Signing, *, now: float) -> bool:
    """Whether this token signed the cookie, and the cookie has not expired."""
    name, _, rest = cookie.partition(".")
    expiry, _, mac = rest.partition(".")
    if name != _text(token.name.encode()) or not (expiry.isascii() and expiry.isdigit() and len(expiry) < 16):
        return False
    valid = hmac.compare_digest(mac.encode("utf-8", "surrogatepass"), _text(_mac(token, int(expiry))).encode())
    return valid and now < int(expiry)


def _mac(token: Signing, expiry: int) -> bytes:
    return token.sign(f"{_PURPOSE}\n{_text(token.name.encode())}\n{int(token.role)}\n{expiry}".encode())


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")
