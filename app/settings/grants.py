"""What a configuration takes away from those whom the one in force lets in, before the rest of it counts. Pure.

A token or secret that the file no longer holds stops working at once, though the file has another fault or must wait.
Nothing is added: that needs the whole. A file that holds no token at all (or no webhook secret) is emptied or half
written, and takes none away.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from app.settings.secret import Secret
from app.settings.values import ApiToken, Role, Settings, WebhookSource

_BY_POWER = tuple(Role)


class Granted(NamedTuple):
    """Whom a configuration lets in. An empty secret stands for one that could not be read."""

    tokens: tuple[ApiToken, ...]
    sources: Mapping[str, WebhookSource]


def narrowed(settings: Settings, granted: Granted) -> Settings:
    """The settings in force without the tokens and secrets that `granted` no longer holds; a lower role counts too.

    It never leaves a configuration without tokens when it had some: that would let everybody in.
    """
    return replace(
        settings,
        api_tokens=_tokens(settings.api_tokens, granted.tokens),
        webhook_sources=_sources(settings.webhook_sources, granted.sources),
    )


def _tokens(before: tuple[ApiToken, ...], after: tuple[ApiToken, ...]) -> tuple[ApiToken, ...]:
    held = [token for token in after if token.secret]
    if not held or not before:
        return before
    kept = []
    for token in before:
        roles = [each.role for each in held if each.secret == token.secret]
        if roles:
            kept.append(replace(token, role=min(token.role, *roles, key=_BY_POWER.index)))
    # Without any token access would be judged by who calls. Nobody knows the secret of this one.
    return tuple(kept) or (ApiToken(name="nobody", role=Role.VIEWER, secret=Secret(secrets.token_hex(32))),)


def _sources(before: Mapping[str, WebhookSource], after: Mapping[str, WebhookSource]) -> Mapping[str, WebhookSource]:
    if not any(source.secrets for source in after.values()):
        return before
    held = {name: source.secrets for name, source in after.items()}
    return MappingProxyType(
        {
            name: replace(source, secrets=tuple(each for each in source.secrets if each in held.get(name, ())))
            for name, source in before.items()
        }
    )
