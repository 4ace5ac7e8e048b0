"""Which notification follows from a decision, a registration, an outcome, waiting canaries or an outage. Pure.

A notification says what happened. This module knows neither the formats of channels nor who receives it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from app.domain.decision import Decision, Hold
from app.domain.deployment import DeploymentState, Diagnosis
from app.domain.rollout import Outcome, OutcomeKind

_LOG_LINES = 5  # of each failed task
_HICCUP = 1.0  # seconds; a shorter outage is not worth a notification


class NotificationKind(StrEnum):
    """The occasion of a notification."""

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
    """The watches, rollout or job that a notification is about: a message links to them."""

    watch_names: tuple[str, ...] = ()
    rollout_id: UUID | None = None
    job_id: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message to people: a headline, and a detail that may be ""."""

    kind: NotificationKind
    headline: str
    detail: str = ""
    subject: Subject = Subject()


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A registration's change of one watch. `reason` says why; `digest_changed` is the flag of its `Deploy`."""

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
    """The notification of a decision that differs from the last one; None unless it waits for a person."""
    if not isinstance(decision, Hold) or not decision.reason.needs_person:
        return None
    headline = f"{watch}: nothing is deployed"
    return Notification(kind=NotificationKind.HELD, headline=headline, detail=decision.message, subject=subject)


def of_registration(registered: Sequence[Registered], subject: Subject) -> Iterator[Notification]:
    """The notifications of a registered rollout: one for changed digests, then one for all its watches."""
    if changed := [each for each in registered if each.digest_changed]:
        headline = f"{_label(changed)}: the digest changed"
        yield _of_watches(NotificationKind.DIGEST_CHANGED, headline, changed, subject)
    if registered:
        yield _of_watches(NotificationKind.DEPLOYING, f"Deploying {_label(registered)}", registered, subject)


def of_outcome(label: str, outcome: Outcome, diagnosis: Diagnosis | None, subject: Subject) -> Notification:
    """The notification of a rollout's end, with the diagnosis. `label` names the rollout's watches and tags."""
    return Notification(
        kind=_OF_OUTCOME.get(outcome.kind, NotificationKind.ENDED),
        headline=f"{label}: {outcome.kind.value.replace('_', ' ')}",
        detail="\n".join((outcome.reason, *_explained(outcome.reason, diagnosis or Diagnosis()))),
        subject=subject,
    )


def of_waiting_canaries(label: str, note: str, subject: Subject) -> Notification:
    """The notification of canaries that begin to wait for a person; `note` says what Nomad waits for."""
    headline = f"{label}: waiting for promotion"
    return Notification(kind=NotificationKind.AWAITS_PROMOTION, headline=headline, detail=note, subject=subject)


def begins_to_wait(before: DeploymentState | None, after: DeploymentState | None) -> bool:
    """True if canaries wait for a person now and did not `before`; the states are those of two successive checks."""
    return after is not None and after.awaits_promotion and not (before is not None and before.awaits_promotion)


def of_outage(place: str, problem: str, *, lasted: float, notified: bool, subject: Subject) -> Notification | None:
    """The notification of an outage that has prevented reconciling a job for `lasted` seconds.

    None if people were `notified` of this outage already, whatever its message was, and for a very short outage.
    """
    if notified or lasted < _HICCUP:
        return None
    headline = f"{place}: waiting"
    return Notification(kind=NotificationKind.OUTAGE, headline=headline, detail=problem, subject=subject)


def of_nomad(namespace: str, problem: str, *, notified: bool) -> Notification | None:
    """The notification of a Nomad that does not answer, for all jobs of a namespace together; None if people were
    `notified` of this outage already."""
    if notified:
        return None
    headline = f"Nomad is away: the jobs of namespace {namespace} wait"
    return Notification(kind=NotificationKind.OUTAGE, headline=headline, detail=problem, subject=Subject())


def of_missing_image(watch: str, problem: str, *, known: str, subject: Subject) -> Notification | None:
    """The notification of a running digest that its registry no longer has; None unless it begins now.

    `known` is the problem that the last check found, `problem` the one of this check; "" is for none.
    """
    if known or not problem:
        return None
    headline = f"{watch}: the running image is gone from the registry"
    return Notification(kind=NotificationKind.OUTAGE, headline=headline, detail=problem, subject=subject)


def of_auto_deploy(
    watch: str, *, before: bool, after: bool | None, actor: str, subject: Subject, reason: str = ""
) -> Notification | None:
    """The notification of a command that switched auto deploy; None if it did not change the switch."""
    if after is None or after == before:
        return None
    return Notification(
        kind=NotificationKind.AUTO_DEPLOY_TOGGLED,
        headline=f"Turned {'on' if after else 'off'} auto deployment for repo {watch}",
        detail=": ".join(part for part in (f"by {actor}" if actor else "", reason) if part),
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
    """The findings that the reason does not have, and the last log lines of each failed task."""
    yield from (finding for finding in diagnosis.findings if finding not in reason)
    for log in diagnosis.logs:
        yield "\n".join([f"{log.task} wrote last:", *log.text.splitlines()[-_LOG_LINES:]])
