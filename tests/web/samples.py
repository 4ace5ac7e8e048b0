"""A process with a sample of each condition, hold reason, entry and delivery, and with hostile names."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.domain.acceptance import Acceptance
from app.domain.decision import HoldReason
from app.domain.deployment import Diagnosis, LogTail
from app.domain.event import EventAction, Oddity, Parsed, PushEvent
from app.domain.rollout import OutcomeKind, RolloutState
from app.domain.timeline import EntryKind
from app.domain.undo import RollbackOffer
from app.refusals.process import DEPLOYMENT
from app.services.commands.audit import AuditAction
from app.services.ingest.receive import Delivery
from app.services.views.board import DeliverySummary, Missed, SourceHealth, TagView, TimelineEntry
from app.services.views.queries import Outage, RolloutSummary, RolloutView, SystemOutage, UnknownSource, WatchView
from app.settings.values import WebhookSource
from tests.fakes.board import MemoryBoard
from tests.fakes.inbox import KnownWatch, MemoryInbox
from tests.fakes.registry import digest_of
from tests.web.process import MemoryProcess, MemorySettings
from tests.web.stores import MemoryQueries, MemoryWhy
from tests.web.values import DECISION, NEVER_CHECKED, NOW, ROLLOUT, SUMMARY, WATCH
from tests.web.why_samples import FACTS, explained_tags

HOSTILE = "\"><script>alert('1')</script>/\u202etxt.exe ü #?%&+;é😀"
UNDERWAY = replace(
    SUMMARY, rollout_id=UUID(int=11), outcome=None, state=RolloutState.SUBMITTED, reason="", ended_at=None
)
WAITING = replace(UNDERWAY, rollout_id=UUID(int=12), deployment=DEPLOYMENT)
GOOD = replace(SUMMARY, rollout_id=UUID(int=13), outcome=OutcomeKind.SUCCEEDED, reason="2 of 2 are healthy")
REVERTIBLE = replace(GOOD, rollback=RollbackOffer(goal="v1.0.0"))
WHY = Diagnosis(
    findings=("web/server exited with code 1",),
    logs=(LogTail(task="web/server", allocation_id="a1b2c3d4-e5", text="<panic>\nexit 1"),),
    logs_denied=True,
)
DELIVERY = UUID(int=21)
ODD = UUID(int=22)
SOURCE = WebhookSource(kind="distribution", secrets=())


def watch(name: str, *, reason: HoldReason | None = HoldReason.UP_TO_DATE, **changes: Any) -> WatchView:
    """A watch without a rollout in progress, held for `reason`."""
    values: dict[str, Any] = {"name": name, "rollout": GOOD, "decision": replace(DECISION, reason=reason), **changes}
    return replace(WATCH, **values)


def view(summary: RolloutSummary, **changes: Any) -> RolloutView:
    """A rollout with all its details."""
    return replace(ROLLOUT, summary=summary, **changes)


def watches() -> Iterator[WatchView]:
    """One watch per condition and per hold reason, and one with a hostile name."""
    outage = Outage(problem="connection refused", since=NOW - timedelta(minutes=5))
    yield watch("app", failed=(digest_of("v1.2.0"),), rolled_back_at=NOW)
    yield watch("team/app", pinned_tag="test", auto_deploy=False, source_stale="two literals name it")
    yield watch(
        "unreachable", registry_outage=outage, job_outage=Outage(problem="403", since=None), missing_image=outage
    )
    yield watch("waiting", rollout=WAITING, promote_after=30.0)
    yield watch("moving", rollout=UNDERWAY, observe_only=True)
    yield watch("new", **NEVER_CHECKED, tags=(), due=True)
    for reason in HoldReason:
        yield watch(f"for-{reason}", reason=reason)
    yield watch(HOSTILE, decision=replace(DECISION, message=HOSTILE), source_stale=HOSTILE)


def entries() -> Iterator[TimelineEntry]:
    """One entry per kind, hold reason, outcome and action."""
    yield from (_entry(EntryKind.DECISION, f"d{each}", reason=each, reconciles=3, last_at=NOW) for each in HoldReason)
    yield _entry(EntryKind.DECISION, "deploys", found_by="webhook", rollout_id=SUMMARY.rollout_id)
    yield _entry(EntryKind.DECISION, "polled", found_by="poll")
    yield from (_entry(EntryKind.OUTCOME, f"o{each}", outcome=each) for each in OutcomeKind)
    yield from (_entry(EntryKind.COMMAND, f"w{each}", action=each, by="ann") for each in AuditAction)
    yield replace(_entry(EntryKind.COMMAND, "all", action=AuditAction.PAUSE, by=HOSTILE), watch="")
    yield _entry(EntryKind.ROLLOUT, "r", by="ann", rollout_id=SUMMARY.rollout_id)
    yield _entry(EntryKind.DRIFT, "c")
    yield _entry(EntryKind.WEBHOOK, "h", by="distribution", delivery_id=DELIVERY)
    yield replace(_entry(EntryKind.WEBHOOK, "hostile"), watch=HOSTILE, message=HOSTILE)


def deliveries() -> Iterator[DeliverySummary]:
    """One delivery per acceptance."""
    for number, acceptance in enumerate(Acceptance):
        yield DeliverySummary(
            delivery_id=ODD if acceptance is Acceptance.QUARANTINED else DELIVERY,
            source="distribution",
            received_at=NOW - timedelta(minutes=number),
            acceptance=acceptance,
            events=number,
            ignored=2,
            duplicates=1,
            size=900,
            what=("team/app:v1.0.0", HOSTILE)[:number],
            oddity=HOSTILE if acceptance is Acceptance.QUARANTINED else "",
        )


def full_process() -> MemoryProcess:
    """The process with all samples."""
    known = tuple(watches())
    ended = (
        view(SUMMARY, diagnosis=WHY),
        view(WAITING),
        view(UNDERWAY, submitted_at=None),
        view(REVERTIBLE, warnings=HOSTILE),
    )
    process = MemoryProcess(
        queries=MemoryQueries(known=known, ended=ended),
        board=MemoryBoard(
            known=known,
            happened=tuple(entries()),
            rollouts=(SUMMARY, REVERTIBLE, WAITING),
            sent=tuple(deliveries()),
            sources=(SourceHealth(source="distribution", last_at=NOW, day={Acceptance.QUARANTINED: 2}),),
            missed=(Missed(watch=HOSTILE, tag="v1.2.0", digest=digest_of("v1.2.0"), at=NOW),),
            absent=(SystemOutage(name="registry main", problem=HOSTILE, since=NOW),),
            unknown_sources=(UnknownSource(source="harbor", deliveries=12, last_at=NOW),),
            unsent_notifications=2,
            tags_seen={"v1.1.0": TagView(tag="v1.1.0", first_found_at=NOW, digest=digest_of("v1.1.0"))},
        ),
        settings=MemorySettings(webhook_sources=dict.fromkeys(("distribution", "quay"), SOURCE)),
        inbox=_inbox(),
        why=MemoryWhy(
            names=tuple(each.name for each in known),
            watch=FACTS,
            tags=explained_tags(HOSTILE, delivery=DELIVERY, rollout=SUMMARY.rollout_id),
            total=16,
        ),
    )
    process.watch_commands.names = tuple(each.name for each in known)
    process.rollout_commands.ids = frozenset(each.summary.rollout_id for each in ended)
    return process


def _entry(kind: EntryKind, key: str, **changes: Any) -> TimelineEntry:
    entry = TimelineEntry(at=NOW, kind=kind, key=key, watch="app", message=f"the text of {key}", tag="v1.1.0")
    return replace(entry, **changes)


def _inbox() -> MemoryInbox:
    """Two deliveries: a valid one and a malformed one."""
    inbox = MemoryInbox(watches=[KnownWatch(name="app", target_id=1, host="registry.example", path="team/app")])
    digest = digest_of("v1.0.0")
    pushed = PushEvent(
        action=EventAction.PUSH, host="registry.example", path="team/app", tag="v1.0.0", digest=digest, event_id="1"
    )
    elsewhere = replace(pushed, action=EventAction.DELETE, path="nobody/knows", tag="gone", digest=None)
    events = [pushed, elsewhere]
    understood = Delivery(delivery_id=DELIVERY, source="distribution", size=900, parsed=Parsed(events=tuple(events)))
    odd = Parsed(oddities=(Oddity(where="events[0]", problem=HOSTILE),), ignored=3)
    inbox.deliveries[DELIVERY] = (understood, 1, events)
    inbox.deliveries[ODD] = (Delivery(delivery_id=ODD, source="distribution", size=9, parsed=odd, body=b"{"), 0, [])
    return inbox
