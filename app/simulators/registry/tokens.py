"""Issues and checks the opaque tokens of Bearer authentication. Knows no HTTP; time is the argument `now`."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The rights of a token: (repository, action) pairs, valid until `expires_at` (Unix seconds)."""

    access: frozenset[tuple[str, str]]
    expires_at: float
    actor: str


class Tokens:
    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}
        self.issued = 0

    def issue(self, grant: Grant) -> str:
        token = secrets.token_urlsafe(24)
        self._grants[token] = grant
        self.issued += 1
        return token

    def check(self, token: str, *, now: float) -> Grant | None:
        """The grant of a token, None for one that is unknown or expired."""
        grant = self._grants.get(token)
        return grant if grant is not None and now < grant.expires_at else None

    def revoke_all(self) -> None:
        """Make every token invalid at once, as after a restart of the token service."""
        self._grants.clear()


def parse_scopes(scopes: Iterable[str]) -> frozenset[tuple[str, str]]:
    """`repository:team/app:pull,push` -> {("team/app", "pull"), ("team/app", "push")}. Other types are ignored.

    https://distribution.github.io/distribution/spec/auth/scope/
    """
    access: set[tuple[str, str]] = set()
    for scope in " ".join(scopes).split():
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        if kind == "repository":
            access.update((name, action) for action in actions.split(","))
    return frozenset(access)
