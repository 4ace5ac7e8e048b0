"""The settings of one local registry. Values only; nothing is read from a file or the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .generated import Generated
from .grammar import OCTET_STREAM

Version = Literal["2.8", "3.x"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryNotifications:
    """One endpoint of Distribution's `notifications.endpoints`, with the `ignore` lists of docs/registries.md.

    After `threshold` failures in a row the sender waits `backoff` seconds before each further attempt, for ever.
    https://distribution.github.io/distribution/about/notifications/
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 3.0
    threshold: int = 5
    backoff: float = 1.0
    ignore_media_types: tuple[str, ...] = (OCTET_STREAM,)
    ignore_actions: tuple[str, ...] = ("pull", "mount")


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuth:
    """Distribution's `auth: htpasswd`: every request under /v2/ needs one of these users."""

    users: Mapping[str, str]
    realm: str = "local-registry"


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerAuth:
    """Distribution's `auth: token`, with the token service in the same application at /token.

    `lifetime` is in seconds and is enforced. With `anonymous_pull` a token without credentials may pull.
    https://distribution.github.io/distribution/spec/auth/token/
    """

    users: Mapping[str, str]
    lifetime: float = 300.0
    anonymous_pull: bool = False
    service: str = "local-registry"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """The settings of a registry.

    `version`     2.8: no pagination, tags unsorted. 3.x: `n`, `last`, relative Link, byte order. Errors differ too.
    `host`        the `request.host` of an event for a push from Python; HTTP requests use their own Host
    `link_delay`  seconds between the event of a push and the moment when its tag exists
    """

    version: Version = "2.8"
    host: str = "127.0.0.1:5000"
    link_delay: float = 0.0
    auth: BasicAuth | BearerAuth | None = None
    notifications: tuple[RegistryNotifications, ...] = ()
    generated: Generated | None = None
