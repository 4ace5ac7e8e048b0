"""Values of a look for tests of the services, with only what a test is about spelled out."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.domain.decision import RequestedDeploy
from app.domain.event import EventAction
from app.domain.history import Desired, History
from app.domain.rollout import Origin
from app.domain.rule import Rule
from app.services.reconcile.claim import Claim, LaunchItem, OpenEvent, OpenRollout, WatchState
from app.services.reconcile.resolve import ResolvedWatch
from app.services.reconcile.resolver import Resolved
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
        desired_tag="v1.0.0",
        desired_digest=D1,
        running_tags=("v1.0.0",),
        job_create_index=3,
        history=knows((task(), D1)),
        rebaseline=False,
        drifted_at=None,
        drift_images={},
        newest_found_at=None,
        commanded_at=None,
        events=(),
    )
    return replace(usual, **fields)


def claim(*states: WatchState, **fields: Any) -> Claim:
    """A target under lease with these watches, and no rollout."""
    usual = Claim(
        target_id=1,
        token=UUID(int=9),
        place=WATCH.place,
        generation=1,
        now=NOW,
        inspect_job=True,
        polled=False,
        attempts=0,
        paused=False,
        job_read_at=None,
        foreign_progress="",
        foreign_since=None,
        stalled_index=0,
        outage="",
        watches=states or (state(),),
        rollout=None,
    )
    return replace(usual, **fields)


def event(tag: str = "v1.1.0", digest: str = D2, **fields: Any) -> OpenEvent:
    """A push that nobody has answered."""
    return OpenEvent(
        **{"event_id": 1, "action": EventAction.PUSH, "tag": tag, "digest": digest, "attempts": 0, **fields}
    )


def resolved(tag: str = "v1.1.0", digest: str = D2, **fields: Any) -> Resolved:
    """A registry that wants this tag."""
    return Resolved(**{"tags": (tag,), "desired": Desired(tag=tag, digest=digest), "digests": {tag: digest}, **fields})


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
