"""The session of a signed-in browser: a cookie that a token signs, so that it needs no table and ends with its token.

Pure. The cookie holds no secret: `NAME.EXPIRY.MAC`, where the MAC is keyed by the secret of the token of that name.
Another secret, another role, or no such token any more, and the MAC is no longer right, on every replica at once.
"""

import base64
import hmac
from typing import Protocol

LIFETIME = 12 * 3600  # seconds; a working day
COOKIE = "registrywatcher"
_PURPOSE = "registrywatcher session 1"  # so that nothing else that a token may sign is taken for one


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
    """The cookie's name; browsers let nobody but this host, over HTTPS, set one that begins with `__Host-`."""
    return f"__Host-{COOKIE}" if https else COOKIE


def seal(token: Signing, *, now: float) -> str:
    """The cookie's value for somebody who showed the token at `now` (Unix time)."""
    expiry = int(now) + LIFETIME
    return f"{_text(token.name.encode())}.{expiry}.{_text(_mac(token, expiry))}"


def opens(cookie: str, token: Signing, *, now: float) -> bool:
    """Whether this token sealed the cookie, and not too long ago."""
    name, _, rest = cookie.partition(".")
    expiry, _, mac = rest.partition(".")
    if name != _text(token.name.encode()) or not (expiry.isascii() and expiry.isdigit() and len(expiry) < 16):
        return False
    right = hmac.compare_digest(mac.encode("utf-8", "surrogatepass"), _text(_mac(token, int(expiry))).encode())
    return right and now < int(expiry)


def _mac(token: Signing, expiry: int) -> bytes:
    return token.sign(f"{_PURPOSE}\n{_text(token.name.encode())}\n{int(token.role)}\n{expiry}".encode())


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")
