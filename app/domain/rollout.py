"""One attempt to change a target to a reference: its states, origin, course and outcomes. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from app.domain.deployment import Diagnosis, RunningSince
from app.domain.job import Submission


class RolloutState(StrEnum):
    """`requested`: stored, and not known to be in Nomad. `submitted`: registered and followed. `ended`: over."""

    REQUESTED = "requested"
    SUBMITTED = "submitted"
    ENDED = "ended"


class Origin(StrEnum):
    """Who asked for a rollout: the rule, a person (with the command), or a rollout that failed (`undo`)."""

    RULE = "rule"
    DEPLOY = "deploy"
    RESET = "reset"
    ROLLBACK = "rollback"
    UNDO = "undo"

    @property
    def by_person(self) -> bool:
        """Whether a person asked for it: such a rollout may supersede another."""
        return self not in (Origin.RULE, Origin.UNDO)

    @property
    def is_explicit(self) -> bool:
        """Whether the rollout itself says what to deploy, so that the rule does not decide again."""
        return self is not Origin.RULE

    @property
    def reverts(self) -> bool:
        """Whether it deploys the former image by its digest, whatever digest the tag has now."""
        return self in (Origin.ROLLBACK, Origin.UNDO)


class OutcomeKind(StrEnum):
    """How a rollout ended. Only FAILED makes its digest held."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    STOPPED = "stopped"
    STALLED = "stalled"
    NEXT_LAUNCH = "effective_at_next_launch"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of a rollout, with its reason as a sentence, which begins with the `cause` of a failure.

    `cause` is "" if it is not known. `reverted_to` is the job version that Nomad reverted to by itself, None if it did
    not.
    """

    kind: OutcomeKind
    reason: str
    cause: str = ""
    reverted_to: int | None = None

    def explained(self, diagnosis: Diagnosis) -> Self:
        """The outcome with the diagnosed cause, unless it names it already: checks are read only at the end."""
        if not diagnosis.cause or diagnosis.cause in self.reason:
            return replace(self, cause=self.cause or diagnosis.cause)
        return replace(self, cause=diagnosis.cause, reason=f"{diagnosis.cause}; {self.reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Not ended: check again when it changes, or after `seconds` at the latest; `note` says what it waits for."""

    seconds: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Nomad does not have the registration: it must be registered again. `note` says so for people."""

    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote:
    """Its canaries were healthy for their soak time: promote them."""

    deployment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds: without progress, in total, and until a running task counts as healthy."""

    stall_after: float
    deadline: float
    grace: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Returning:
    """Nomad's own revert after a failure: the registration that replaced ours, and why ours failed."""

    submission: Submission
    version: int
    reason: str
    cause: str = ""

    @property
    def note(self) -> str:
        """What the rollout waits for from now on."""
        return f"{self.reason}; Nomad reverts to version {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A rollout under way: its submission, when it started, and when it last progressed.

    `returning` is Nomad's revert, once it has begun; then the revert is followed. `promote_after` is how many seconds
    canaries must be healthy before they are promoted; None leaves that to a person. `running_since` is when each
    allocation was first seen running, for a job without deployments.
    """

    submission: Submission
    started_at: datetime
    progressed_at: datetime
    returning: Returning | None = None
    promote_after: float | None = None
    running_since: Mapping[str, RunningSince] = field(default_factory=dict)

    @property
    def current(self) -> Submission:
        """The registration to follow."""
        return self.returning.submission if self.returning else self.submission


def soak_time(origin: Origin, promote_after: Collection[float | None]) -> float | None:
    """How many seconds a rollout's canaries must be healthy before they are promoted; None leaves that to a person.

    `promote_after` has the settings of its watches: the longest counts, and each watch must have one. An undo restores
    an image that was good before, so it does not wait.
    """
    if origin is Origin.UNDO:
        return 0.0
    times = [each for each in promote_after if each is not None]
    return max(times) if times and len(times) == len(promote_after) else None
