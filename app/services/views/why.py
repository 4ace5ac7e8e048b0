"""Why the tags of a watch run or do not: the facts of one snapshot, with the outcome and the sentences of each tag.

It changes nothing, and asks neither a registry nor Nomad.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain.decision import HoldReason
from app.domain.why import wording
from app.domain.why.facts import Deed, TagFacts, WatchFacts
from app.domain.why.outcome import Why, why

LIMIT = 100
"""The most tags of one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFacts:
    """A watch, and some of its tags, the newest first; `total` is the number of all tags on record."""

    now: datetime
    watch: WatchFacts
    tags: tuple[TagFacts, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTag:
    """A hold: its reason, who gave it and when, as far as known, and what ends it."""

    reason: HoldReason
    by: Deed | None
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedTag:
    """A tag with its outcome. `message` says why; `fix` what would deploy it, "" if there is nothing to do."""

    facts: TagFacts
    why: Why
    message: str
    fix: str
    hold: HeldTag | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The answer for a watch: up to LIMIT tags, the newest first, of `total`."""

    now: datetime
    watch: WatchFacts
    tags: tuple[ExplainedTag, ...]
    total: int

    @property
    def omitted(self) -> int:
        """How many tags are not in the answer."""
        return self.total - len(self.tags)


class WhyStore(Protocol):
    """The store of the facts."""

    async def facts(self, watch: str, *, tag: str | None, limit: int) -> StoredFacts | None:
        """The facts of the tag, or of the newest `limit` tags if it is None; None if the watch is not configured.

        One snapshot, in a constant number of statements. Raises StoreUnavailable.
        """
        ...


async def explain(store: WhyStore, watch: str, tag: str | None = None) -> Explained | None:
    """Why for one tag, known or not, or for the newest tags; None if the watch is not configured."""
    found = await store.facts(watch, tag=tag, limit=LIMIT)
    if found is None:
        return None
    tags = tuple(_explained(found.watch, each) for each in found.tags)
    return Explained(now=found.now, watch=found.watch, tags=tags, total=found.total)


def _explained(watch: WatchFacts, tag: TagFacts) -> ExplainedTag:
    found = why(watch, tag)
    reason = wording.reason_of(found, watch)
    return ExplainedTag(
        facts=tag,
        why=found,
        message=wording.message(found, watch, tag),
        fix=wording.fix(found, watch, tag),
        hold=HeldTag(reason=reason, by=wording.held_by(found, watch), until=wording.UNTIL[reason]) if reason else None,
    )
