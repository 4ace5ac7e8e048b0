"""How webhook sources do, and what to paste into a registry so that it sends. It reads nothing by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from starlette.requests import Request

from app.domain.acceptance import Acceptance
from app.services.board import Deliveries, Situation
from app.web import labels

_DISTRIBUTION = """\
notifications:
  endpoints:
    - name: registrywatcher
      url: {url}/webhooks/{name}
      headers:
        Authorization: [Bearer $YOUR_WEBHOOK_SECRET]
      timeout: 3s
      threshold: 5
      backoff: 10s
      ignore:
        mediatypes: [application/octet-stream]
        actions: [pull, mount]
"""
_INTO_REGISTRY = "Into the configuration of the registry (CNCF Distribution, registry:2 or 3):"
_SOURCE = """\
[webhooks.distribution]
secret = "$YOUR_WEBHOOK_SECRET"
"""


class Settings(Protocol):
    """What this needs of the settings."""

    @property
    def webhook_sources(self) -> Mapping[str, object]: ...
    @property
    def external_url(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source, for people. `day` lists what became of its deliveries of the last day, "" when there were none."""

    name: str
    configured: bool
    words: str
    last_at: datetime | None
    day: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Something to paste, and where."""

    title: str
    text: str


def sources(configured: Mapping[str, object], found: Deliveries, situation: Situation) -> list[Source]:
    """Every source that is configured, was heard of, or is posted to in vain, those in vain first."""
    vain = [
        Source(name=each.source, configured=False, words="", last_at=each.last_at, day="", tone="bad")
        for each in situation.unknown_sources
        if each.source not in configured
    ]
    health = {each.source: each for each in found.sources}
    known = []
    for name in sorted(configured):
        heard = health.get(name)
        if heard is None or heard.last_at is None:
            known.append(Source(name=name, configured=True, words=_SILENT, last_at=None, day="", tone="waiting"))
            continue
        day = ", ".join(f"{count} {labels.ACCEPTANCES[kind].lower()}" for kind, count in heard.day.items() if count)
        odd = bool(heard.day.get(Acceptance.QUARANTINED))
        words = "Something in what it sends is odd, and kept below." if odd else "It is heard."
        tone = "waiting" if odd else "good"
        known.append(Source(name=name, configured=True, words=words, last_at=heard.last_at, day=day, tone=tone))
    return [*vain, *known]


_SILENT = "It has not sent anything yet; until it does, polling finds what is pushed."


def teaching(settings: Settings, request: Request) -> list[Block]:
    """What to paste into our configuration, and into that of a CNCF Distribution registry."""
    url = (settings.external_url or str(request.base_url)).rstrip("/")
    names = list(settings.webhook_sources)
    blocks = [] if names else [Block(title="Into the configuration of registrywatcher:", text=_SOURCE)]
    for name in names or ["distribution"]:
        text = _DISTRIBUTION.format(url=url, name=name)
        blocks.append(Block(title=_INTO_REGISTRY, text=text))
    return blocks
