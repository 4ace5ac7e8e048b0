"""Hands out and checks the opaque tokens of Bearer authentication. Knows no HTTP; time comes in as `now`."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token allows: (repository, action) pairs, until a time."""

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
        """The grant of a token that is known and has not expired."""
        grant = self._grants.get(token)
        return grant if grant is not None and now < grant.expires_at else None

    def revoke_all(self) -> None:
        """Let every token be expired at once, as after a restart of the token service."""
        self._grants.clear()


def parse_scopes(scopes: Iterable[str]) -> frozenset[tuple[str, str]]:
    """`repository:team/app:pull,push` -> {("team/app", "pull"), ("team/app", "push")}; other types are dropped.

    https://distribution.github.io/distribution/spec/auth/scope/
    """
    access: set[tuple[str, str]] = set()
    for scope in " ".join(scopes).split():
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        if kind == "repository":
            access.update((name, action) for action in actions.split(","))
    return frozenset(access)
