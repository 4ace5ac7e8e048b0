"""Values of a look for tests of the services, with only what a test is about spelled out."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from app.domain.decision import RequestedDeploy
from app.domain.event import EventAction
from app.domain.history import Desired, History
from app.domain.left_out import TagList
from app.domain.rollout import Origin
from app.refusals.samples import D2, NOW, claim, state
from app.services.reconcile.claim import LaunchItem, OpenEvent, OpenRollout, WatchState
from app.services.reconcile.resolve import ResolvedWatch
from app.services.reconcile.resolver import Resolved

__all__ = [
    "NOTHING",
    "NOW",
    "ROLLOUT",
    "asked",
    "claim",
    "event",
    "item",
    "open_rollout",
    "resolved",
    "resolved_watches",
    "state",
]

ROLLOUT = UUID(int=1)


def event(tag: str = "v1.1.0", digest: str = D2, **fields: Any) -> OpenEvent:
    """A push that nobody has answered."""
    return OpenEvent(
        **{"event_id": 1, "action": EventAction.PUSH, "tag": tag, "digest": digest, "attempts": 0, **fields}
    )


def resolved(
    tag: str = "v1.1.0", digest: str = D2, *, tags: tuple[str, ...] | None = ("v1.1.0",), **fields: Any
) -> Resolved:
    """A registry that has `tags`, and wants this tag."""
    usual = Resolved(listed=TagList(tags=tags), desired=Desired(tag=tag, digest=digest), digests={tag: digest})
    return replace(usual, **fields)


def resolved_watches(watch: WatchState | None = None, **fields: Any) -> ResolvedWatch:
    """A watch that was resolved."""
    each = watch or state()
    return ResolvedWatch(
        **{"state": each, "resolved": resolved(), "history": each.history, "requested": None, **fields}
    )


def asked(tag: str = "v1.1.0", digest: str = D2, *, forced: bool = True) -> RequestedDeploy:
    """A person's word for a tag that is there."""
    return RequestedDeploy(desired=Desired(tag=tag, digest=digest), forced=forced)


def open_rollout(*items: LaunchItem, origin: Origin = Origin.RULE, **fields: Any) -> OpenRollout:
    """A rollout that was not registered yet."""
    return OpenRollout(
        **{"rollout_id": ROLLOUT, "origin": origin, "submitted": False, "patch": None, "items": items, **fields}
    )


def item(watch: str = "app", tag: str = "v1.1.0", digest: str = D2, *, forced: bool = False) -> LaunchItem:
    return LaunchItem(watch=watch, tag=tag, digest=digest, forced=forced)


NOTHING = History()
