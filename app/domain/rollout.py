"""One attempt to bring a target to a reference: its states, who asked for it, its course and its outcomes. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.job import Submission


class RolloutState(StrEnum):
    """`requested` is stored and not known to be in Nomad; `submitted` is registered and followed; `ended` is over."""

    REQUESTED = "requested"
    SUBMITTED = "submitted"
    ENDED = "ended"


class Origin(StrEnum):
    """Who asked: the rule itself, a person, and how, or a rollout that failed (`undo`)."""

    RULE = "rule"
    DEPLOY = "deploy"
    RESET = "reset"
    ROLLBACK = "rollback"
    UNDO = "undo"

    @property
    def by_person(self) -> bool:
        """Whether a person's word stands behind it: such a rollout may supersede another."""
        return self not in (Origin.RULE, Origin.UNDO)

    @property
    def is_explicit(self) -> bool:
        """Whether it says itself what to deploy, so that it is not decided again by the rule."""
        return self is not Origin.RULE

    @property
    def reverts(self) -> bool:
        """Whether it brings what ran before, by its digest, whatever the tag shows now."""
        return self in (Origin.ROLLBACK, Origin.UNDO)


class OutcomeKind(StrEnum):
    """How a rollout ended. Only FAILED is held against the digest."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    STOPPED = "stopped"
    STALLED = "stalled"
    NEXT_LAUNCH = "effective_at_next_launch"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of a rollout, with its reason in words."""

    kind: OutcomeKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Not over: look again when it moves, at the latest in `seconds`; `note` says what is waited for."""

    seconds: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote:
    """Its canaries were healthy for their soak time: they are to be promoted."""

    deployment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds: without any movement, in all, and for a task to prove itself by running."""

    stall_after: float
    deadline: float
    grace: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Returning:
    """Nomad's own revert after a failure: the registration that it made in the place of ours, and why ours failed."""

    submission: Submission
    version: int
    reason: str

    @property
    def note(self) -> str:
        """What is waited for from now on."""
        return f"{self.reason}; Nomad goes back to version {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A rollout under way: what was submitted, when, and when it last moved.

    `returning` is what is followed once Nomad has begun to go back. `promote_after` is how long canaries are to be
    healthy before they are promoted by themselves, in seconds; None leaves that to a person.
    """

    submission: Submission
    started_at: datetime
    progressed_at: datetime
    returning: Returning | None = None
    promote_after: float | None = None

    @property
    def current(self) -> Submission:
        """The registration to look at."""
        return self.returning.submission if self.returning else self.submission


def soak_time(origin: Origin, promote_after: Collection[float | None]) -> float | None:
    """How long a rollout's canaries are to be healthy before they are promoted by themselves; None: by a person.

    `promote_after` is what its watches say. The longest counts, and each of them must name one. What an undo goes back
    to was good before: it waits for nobody.
    """
    if origin is Origin.UNDO:
        return 0.0
    times = [each for each in promote_after if each is not None]
    return max(times) if times and len(times) == len(promote_after) else None
