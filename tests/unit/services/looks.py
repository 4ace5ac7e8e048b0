"""Values of a look for tests of the services, with only what a test is about spelled out."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.domain.decision import Ask
from app.domain.event import Action
from app.domain.history import History, Wanted
from app.domain.rollout import Origin
from app.domain.rule import Rule
from app.services.see import Seen
from app.services.seeing import Seeing
from app.services.target import Claim, Item, OpenEvent, OpenRollout, WatchState
from tests.unit.domain.cases import D1, D2, WATCH, knows, task

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROLLOUT = UUID(int=1)


def state(**fields: Any) -> WatchState:
    """A watch that was looked at before: v1.0.0 with digest D1 was wanted, and ran."""
    usual = WatchState(
        watch=WATCH,
        rule=Rule(),
        auto_deploy=True,
        tags=("v1.0.0",),
        tags_read_at=NOW,
        wanted_tag="v1.0.0",
        wanted_digest=D1,
        running_tags=("v1.0.0",),
        job_create_index=3,
        history=knows((task(), D1)),
        adopt=False,
        hand_changed_at=None,
        hand_images={},
        newest_sighting=None,
        word_at=None,
        events=(),
    )
    return replace(usual, **fields)


def claim(*states: WatchState, **fields: Any) -> Claim:
    """A target under lease with these watches, and no rollout."""
    usual = Claim(
        target_id=1,
        token=UUID(int=9),
        place=WATCH.place,
        mark=1,
        now=NOW,
        thorough=True,
        polled=False,
        attempts=0,
        paused=False,
        job_read_at=None,
        foreign_progress="",
        foreign_since=None,
        stalled_index=0,
        trouble="",
        watches=states or (state(),),
        rollout=None,
    )
    return replace(usual, **fields)


def event(tag: str = "v1.1.0", digest: str = D2, **fields: Any) -> OpenEvent:
    """A push that nobody has answered."""
    return OpenEvent(**{"event_id": 1, "action": Action.PUSH, "tag": tag, "digest": digest, "attempts": 0, **fields})


def seen(tag: str = "v1.1.0", digest: str = D2, **fields: Any) -> Seen:
    """A registry that wants this tag."""
    return Seen(**{"tags": (tag,), "wanted": Wanted(tag=tag, digest=digest), "digests": {tag: digest}, **fields})


def seeing(watch: WatchState | None = None, **fields: Any) -> Seeing:
    """A watch that was seen."""
    each = watch or state()
    return Seeing(**{"state": each, "seen": seen(), "history": each.history, "ask": None, **fields})


def asked(tag: str = "v1.1.0", digest: str = D2, *, forced: bool = True) -> Ask:
    """A person's word for a tag that is there."""
    return Ask(wanted=Wanted(tag=tag, digest=digest), forced=forced)


def open_rollout(*items: Item, origin: Origin = Origin.RULE, **fields: Any) -> OpenRollout:
    """A rollout that was not registered yet."""
    return OpenRollout(
        **{"rollout_id": ROLLOUT, "origin": origin, "submitted": False, "patch": None, "items": items, **fields}
    )


def item(watch: str = "app", tag: str = "v1.1.0", digest: str = D2, *, forced: bool = False) -> Item:
    return Item(watch=watch, tag=tag, digest=digest, forced=forced)


NOTHING = History()
