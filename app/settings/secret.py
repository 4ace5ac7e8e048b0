"""A text that must stay hidden: printed as stars, compared in constant time, readable only by `reveal()`."""

import hashlib
import hmac
import secrets


class Secret:
    """Wraps a secret. Empty means "not configured" and is falsy; an empty secret matches nothing."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself: for the one call that needs it, never for a log line or a message."""
        return self._text

    def matches(self, candidate: str) -> bool:
        """Whether `candidate` is this secret, in constant time."""
        return bool(self._text) and secrets.compare_digest(_octets(self._text), _octets(candidate))

    def sign(self, message: bytes) -> bytes:
        """The HMAC-SHA256 of `message` under this secret; ValueError when it is empty, since anybody could sign."""
        if not self._text:
            raise ValueError("an empty secret signs nothing")
        return hmac.digest(_octets(self._text), message, hashlib.sha256)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return secrets.compare_digest(_octets(self._text), _octets(other._text))

    def __hash__(self) -> int:
        return hash(("Secret", self._text))

    def __repr__(self) -> str:
        return "Secret('***')" if self._text else "Secret('')"

    def __str__(self) -> str:
        return "***" if self._text else ""


NO_SECRET = Secret("")


def _octets(text: str) -> bytes:
    """The bytes of any text, since the environment and request headers may contain lone surrogates."""
    return text.encode("utf-8", "surrogatepass")
