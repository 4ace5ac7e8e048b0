"""Cache bearer tokens while they are valid; one request at a time renews each. It must not know the wire format."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from app.adapters.registry.auth.challenges import BearerToken, TokenRequest

# Far more than the repositories of one registry; only a registry that names a new scope each time reaches it.
_MOST_KEPT = 20_000


@dataclass(slots=True)
class _KeptToken:
    """The token of one key, and the lock of its renewal."""

    value: str = ""
    good_until: float = 0.0
    renewing: asyncio.Lock = field(default_factory=asyncio.Lock)


class TokenCache:
    """Tokens by their request. `fetch` calls the token service; `clock` is monotonic, in seconds."""

    def __init__(self, fetch: Callable[[TokenRequest], Awaitable[BearerToken]], *, clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._kept: dict[TokenRequest, _KeptToken] = {}

    def peek(self, request: TokenRequest) -> str | None:
        """The cached token if it is still valid; sends no request."""
        kept = self._kept.get(request)
        return kept.value if kept is not None and self._clock() < kept.good_until else None

    async def get(self, request: TokenRequest, *, instead_of: str | None = None) -> str:
        """A valid token, fetched if the cache has none but the refused one (`instead_of`). Raises as `fetch` does."""
        kept = self._entry(request)
        async with kept.renewing:
            good = self.peek(request)
            if good is not None and good != instead_of:
                return good
            requested_at = self._clock()
            kept.good_until = 0.0
            token = await self._fetch(request)
            kept.value, kept.good_until = token.value, requested_at + token.usable_seconds
            return kept.value

    def _entry(self, request: TokenRequest) -> _KeptToken:
        if request not in self._kept and len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return self._kept.setdefault(request, _KeptToken())
