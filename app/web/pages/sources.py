"""The state of webhook sources, and the setup snippets for registries. Pure."""

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
    """A configured source: its kind, which is a name in DIALECTS, and the secrets that it may use."""

    @property
    def kind(self) -> str: ...
    @property
    def secrets(self) -> Sequence[object]: ...


class SourceSettings(Protocol):
    """The settings that this module reads."""

    @property
    def webhook_sources(self) -> Mapping[str, ConfiguredSource]: ...
    @property
    def external_url(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """One source, for people. `day` counts its deliveries of the last day by acceptance, "" without any."""

    name: str
    configured: bool
    message: str
    last_at: datetime | None
    day: str
    tone: str


def sources(configured: Mapping[str, object], found: DeliveryListing, situation: Situation) -> list[SourceView]:
    """Every configured source, after the unconfigured ones that somebody posts to."""
    unknown = [
        SourceView(name=each.source, configured=False, message="", last_at=each.last_at, day="", tone="bad")
        for each in situation.unknown_sources
        if each.source not in configured
    ]
    health = {each.source: each for each in found.sources}
    known = []
    for name in sorted(configured):
        state = health.get(name)
        if state is None or state.last_at is None:
            known.append(SourceView(name=name, configured=True, message=_SILENT, last_at=None, day="", tone="waiting"))
            continue
        day = ", ".join(f"{count} {labels.ACCEPTANCES[kind].lower()}" for kind, count in state.day.items() if count)
        odd = bool(state.day.get(Acceptance.QUARANTINED))
        message = "Some of its deliveries are malformed; they are kept below." if odd else "Its deliveries arrive."
        tone = "waiting" if odd else "good"
        known.append(SourceView(name=name, configured=True, message=message, last_at=state.last_at, day=day, tone=tone))
    return [*unknown, *known]


_SILENT = "It has not sent anything yet; until then, polling finds its pushes."


def setup_snippets(settings: SourceSettings, request: Request) -> list[Block]:
    """The setup snippets of each source, or of one source of each kind when none is configured."""
    base = (settings.external_url or str(request.base_url)).rstrip("/")
    found = [(name, each.kind, bool(each.secrets)) for name, each in settings.webhook_sources.items()]
    return [
        block
        for name, kind, has_secret in found or [(kind, kind, False) for kind in DIALECTS]
        for block in DIALECTS[kind].setup(Hook(name=name, url=f"{base}/webhooks/{name}", has_secret=has_secret))
    ]
