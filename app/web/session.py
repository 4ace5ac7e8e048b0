"""Being signed in at a browser: a cookie that names a configured token, and is sealed by it. Pure.

It holds no secret and needs no table: any process with the same configuration knows it. A token that is changed or
taken away ends its sessions, everywhere.
"""

import base64
import hmac
from collections.abc import Iterable
from enum import IntEnum
from typing import Protocol, TypeVar

LIFETIME = 12 * 3600
"""Seconds that a session lasts."""
_PURPOSE = b"registrywatcher session 1"


class Sealer(Protocol):
    """A configured token, as far as a session needs one."""

    @property
    def name(self) -> str: ...
    @property
    def role(self) -> IntEnum: ...
    def sign(self, message: bytes, /) -> str: ...


Token = TypeVar("Token", bound=Sealer)


def seal(token: Sealer, *, now: float) -> str:
    """The cookie's value for who has just shown `token`; `now` is in Unix seconds."""
    return _sealed(token, int(now) + LIFETIME)


def unseal(value: str, tokens: Iterable[Token], *, now: float) -> Token | None:
    """The token that sealed the value; None when none of these did, or when its time is over."""
    _, _, rest = value.partition(".")
    expiry = rest.partition(".")[0]
    if not (expiry.isascii() and expiry.isdigit() and len(expiry) < 12) or int(expiry) <= now:
        return None
    for token in tokens:
        if hmac.compare_digest(_sealed(token, int(expiry)).encode(), value.encode("utf-8", "surrogatepass")):
            return token
    return None


def _sealed(token: Sealer, expiry: int) -> str:
    name = base64.urlsafe_b64encode(token.name.encode()).decode().rstrip("=")
    message = b"\n".join((_PURPOSE, name.encode(), token.role.name.encode(), str(expiry).encode()))
    return f"{name}.{expiry}.{token.sign(message)}"
