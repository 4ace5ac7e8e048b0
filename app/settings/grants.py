"""Which tokens and secrets a new configuration withdraws, before the rest of it is applied. Pure.

A token or secret that is no longer in the file stops working at once, even if the file has another fault or must wait.
Nothing is added before the whole configuration is applied. An entry with a fault of its own changes nothing, since its
meaning is unknown. A file without any token (or without any webhook secret) is empty or half written, and withdraws
none.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from app.settings.secret import Secret
from app.settings.values import ApiToken, Settings, TokenRole, WebhookSource

TOKENS = "api_tokens"
SOURCES = "webhooks"
_BY_POWER = tuple(TokenRole)


class Granted(NamedTuple):
    """The access that a configuration grants. An empty secret is one that could not be read.

    `faulty` are the entries of TOKENS and SOURCES, as (table, name), that have a fault of their own.
    """

    tokens: tuple[ApiToken, ...]
    sources: Mapping[str, WebhookSource]
    faulty: frozenset[tuple[str, str]] = frozenset()


def narrowed(settings: Settings, granted: Granted) -> Settings:
    """The settings in force without the tokens and secrets that `granted` lacks, and with its lower roles.

    Settings with tokens always keep one, since settings without tokens let local callers in.
    """
    return replace(
        settings,
        api_tokens=_tokens(settings.api_tokens, granted),
        webhook_sources=_sources(settings.webhook_sources, granted),
    )


def _tokens(before: tuple[ApiToken, ...], granted: Granted) -> tuple[ApiToken, ...]:
    held = [token for token in granted.tokens if token.secret]
    if not held or not before:
        return before
    kept = []
    for token in before:
        same = [each for each in held if each.secret == token.secret]
        roles = [each.role for each in same if (TOKENS, each.name) not in granted.faulty]
        if (TOKENS, token.name) in granted.faulty or (same and not roles):
            kept.append(token)
        elif roles:
            kept.append(replace(token, role=min(token.role, *roles, key=_BY_POWER.index)))
    # Without any token, access would depend on the caller's address. Nobody knows the secret of this one.
    return tuple(kept) or (ApiToken(name="nobody", role=TokenRole.VIEWER, secret=Secret(secrets.token_hex(32))),)


def _sources(before: Mapping[str, WebhookSource], granted: Granted) -> Mapping[str, WebhookSource]:
    if not any(source.secrets for source in granted.sources.values()):
        return before
    held = {name: source.secrets for name, source in granted.sources.items()}

    def kept(name: str, source: WebhookSource) -> WebhookSource:
        if (SOURCES, name) in granted.faulty:
            return source
        return replace(source, secrets=tuple(each for each in source.secrets if each in held.get(name, ())))

    return MappingProxyType({name: kept(name, source) for name, source in before.items()})
