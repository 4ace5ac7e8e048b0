"""How webhook sources do, and what to paste into a registry so that it sends. It reads nothing by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from starlette.requests import Request

from app.domain.acceptance import Acceptance
from app.services.views.board import DeliveryListing, Situation
from app.web.render import labels
from app.webhooks import DIALECTS
from app.webhooks.setup import Block, Hook


class ConfiguredSource(Protocol):
    """One configured sender: its kind, a name of DIALECTS, and the secrets that it may use."""

    @property
    def kind(self) -> str: ...
    @property
    def secrets(self) -> Sequence[object]: ...


class SourceSettings(Protocol):
    """What this needs of the settings."""

    @property
    def webhook_sources(self) -> Mapping[str, ConfiguredSource]: ...
    @property
    def external_url(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """One source, for people. `day` lists what became of its deliveries of the last day, "" when there were none."""

    name: str
    configured: bool
    message: str
    last_at: datetime | None
    day: str
    tone: str


def sources(configured: Mapping[str, object], found: DeliveryListing, situation: Situation) -> list[SourceView]:
    """Every source that is configured, was heard of, or is posted to in vain, those in vain first."""
    vain = [
        SourceView(name=each.source, configured=False, message="", last_at=each.last_at, day="", tone="bad")
        for each in situation.unknown_sources
        if each.source not in configured
    ]
    health = {each.source: each for each in found.sources}
    known = []
    for name in sorted(configured):
        heard = health.get(name)
        if heard is None or heard.last_at is None:
            known.append(SourceView(name=name, configured=True, message=_SILENT, last_at=None, day="", tone="waiting"))
            continue
        day = ", ".join(f"{count} {labels.ACCEPTANCES[kind].lower()}" for kind, count in heard.day.items() if count)
        odd = bool(heard.day.get(Acceptance.QUARANTINED))
        message = "Something in what it sends is odd, and kept below." if odd else "It is heard."
        tone = "waiting" if odd else "good"
        known.append(SourceView(name=name, configured=True, message=message, last_at=heard.last_at, day=day, tone=tone))
    return [*vain, *known]


_SILENT = "It has not sent anything yet; until it does, polling finds what is pushed."


def teaching(settings: SourceSettings, request: Request) -> list[Block]:
    """What to paste for each source, or for one of each kind when none is configured."""
    base = (settings.external_url or str(request.base_url)).rstrip("/")
    found = [(name, each.kind, bool(each.secrets)) for name, each in settings.webhook_sources.items()]
    return [
        block
        for name, kind, has_secret in found or [(kind, kind, False) for kind in DIALECTS]
        for block in DIALECTS[kind].setup(Hook(name=name, url=f"{base}/webhooks/{name}", has_secret=has_secret))
    ]
