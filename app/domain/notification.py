"""Which notification follows from a decision, a registration, an outcome, waiting canaries or an outage. Pure.

A notification says what happened. How a channel formats it, and who is told, is not known here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from app.domain.decision import Decision, Hold
from app.domain.job import DeploymentState, Diagnosis
from app.domain.rollout import Outcome, OutcomeKind

_LOG_LINES = 5  # of each failed task
_HICCUP = 1.0  # seconds; a shorter outage is not worth a notification


class NotificationKind(StrEnum):
    """Why people are told."""

    AUTO_DEPLOY_TOGGLED = "auto_deploy_toggled"
    DIGEST_CHANGED = "digest_changed"
    DEPLOYING = "deploying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    AWAITS_PROMOTION = "awaits_promotion"
    HELD = "held"
    OUTAGE = "outage"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a notification is about: a message links to it."""

    watch_names: tuple[str, ...] = ()
    rollout_id: UUID | None = None
    job_id: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What people are told: a headline, and a detail that may be ""."""

    kind: NotificationKind
    headline: str
    detail: str = ""
    subject: Subject = Subject()


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What a registration brings to one watch. `reason` says why; `digest_changed` is the flag of its `Deploy`."""

    watch: str
    tag: str
    digest: str
    reason: str
    digest_changed: bool = False


_OF_OUTCOME = {
    OutcomeKind.SUCCEEDED: NotificationKind.SUCCEEDED,
    OutcomeKind.FAILED: NotificationKind.FAILED,
    OutcomeKind.SUPERSEDED: NotificationKind.SUPERSEDED,
}


def of_decision(watch: str, decision: Decision, subject: Subject) -> Notification | None:
    """A decision that differs from the one before: a notification when it waits for a person."""
    if not isinstance(decision, Hold) or not decision.reason.needs_person:
        return None
    headline = f"{watch}: nothing is deployed"
    return Notification(kind=NotificationKind.HELD, headline=headline, detail=decision.message, subject=subject)


def of_registration(registered: Sequence[Registered], subject: Subject) -> Iterator[Notification]:
    """A rollout that Nomad accepted: one notification for all its watches, and one before it for changed digests."""
    if changed := [each for each in registered if each.digest_changed]:
        headline = f"{_label(changed)}: the digest changed"
        yield _of_watches(NotificationKind.DIGEST_CHANGED, headline, changed, subject)
    if registered:
        yield _of_watches(NotificationKind.DEPLOYING, f"Deploying {_label(registered)}", registered, subject)


def of_outcome(label: str, outcome: Outcome, diagnosis: Diagnosis | None, subject: Subject) -> Notification:
    """The end of a rollout, with what was found out beyond its reason. `label` names what the rollout brings."""
    return Notification(
        kind=_OF_OUTCOME.get(outcome.kind, NotificationKind.ENDED),
        headline=f"{label}: {outcome.kind.value.replace('_', ' ')}",
        detail="\n".join((outcome.reason, *_explained(outcome.reason, diagnosis or Diagnosis()))),
        subject=subject,
    )


def of_waiting_canaries(label: str, note: str, subject: Subject) -> Notification:
    """Canaries that begin to wait for a person; `note` says what Nomad waits for."""
    headline = f"{label}: waiting for promotion"
    return Notification(kind=NotificationKind.AWAITS_PROMOTION, headline=headline, detail=note, subject=subject)


def begins_to_wait(before: DeploymentState | None, after: DeploymentState | None) -> bool:
    """True if canaries wait for a person now and did not `before`; the states are those of two successive checks."""
    return after is not None and after.awaits_promotion and not (before is not None and before.awaits_promotion)


def of_outage(place: str, problem: str, *, lasted: float, told: bool, subject: Subject) -> Notification | None:
    """What keeps a job from being reconciled, for `lasted` seconds: told once, however its wording changes."""
    if told or lasted < _HICCUP:
        return None
    headline = f"{place}: waiting"
    return Notification(kind=NotificationKind.OUTAGE, headline=headline, detail=problem, subject=subject)


def of_missing_image(watch: str, problem: str, *, known: str, subject: Subject) -> Notification | None:
    """A running digest that its registry no longer has: told when it begins. "" is for none, before and now."""
    if known or not problem:
        return None
    headline = f"{watch}: what runs is gone from the registry"
    return Notification(kind=NotificationKind.OUTAGE, headline=headline, detail=problem, subject=subject)


def of_auto_deploy(
    watch: str, *, before: bool, after: bool | None, actor: str, subject: Subject
) -> Notification | None:
    """A command that switched auto deploy; None where it left it as it was."""
    if after is None or after == before:
        return None
    return Notification(
        kind=NotificationKind.AUTO_DEPLOY_TOGGLED,
        headline=f"Turned {'on' if after else 'off'} auto deployment for repo {watch}",
        detail=f"by {actor}" if actor else "",
        subject=subject,
    )


def _of_watches(
    kind: NotificationKind, headline: str, registered: Sequence[Registered], subject: Subject
) -> Notification:
    """A notification about these watches alone."""
    names = tuple(each.watch for each in registered)
    return Notification(
        kind=kind,
        headline=headline,
        detail="; ".join(sorted({each.reason for each in registered if each.reason})),
        subject=replace(subject, watch_names=names),
    )


def _label(registered: Sequence[Registered]) -> str:
    return ", ".join(f"{each.watch} {each.tag or each.digest}" for each in registered)


def _explained(reason: str, diagnosis: Diagnosis) -> Iterator[str]:
    """What the reason does not say yet, and what each failed task wrote last."""
    yield from (finding for finding in diagnosis.findings if finding not in reason)
    for log in diagnosis.logs:
        yield "\n".join([f"{log.task} wrote last:", *log.text.splitlines()[-_LOG_LINES:]])
