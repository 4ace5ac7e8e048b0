"""What one look at a target begins with and leaves behind, and the store that keeps it. Values only.

A look holds a lease on its target. Every write of a look is fenced by that lease: when it was lost, `LeaseLost` ends
the look quietly, since another worker has taken over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.domain.decision import Decision
from app.domain.event import EventAction
from app.domain.history import History, InFlight
from app.domain.job import JobPatch, JobState, Submission, TaskKey
from app.domain.rollout import Origin, Outcome
from app.domain.rule import Rule
from app.domain.watch import JobPlace, Watch


class LeaseLost(Exception):
    """Another worker holds the target, or the row, now; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEvent:
    """A pushed tag that no look has answered yet; `attempts` counts the looks that did not find its digest.

    `before` is what the tag showed before the event, "" when unknown; `age` is in seconds, since it was received.
    """

    event_id: int
    action: EventAction
    tag: str
    digest: str
    attempts: int
    before: str = ""
    age: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchState:
    """A watch with its rule and all that was recorded of it. `wanted_*` is what the registry showed at the last look.

    `job_create_index` 0 means that it was never looked at; `running_tags` are the tags of its tasks at the last look.
    `newest_found_at` is when a digest was first seen last; `commanded_at` when a person spoke last; `rolled_back_at`
    when a person went back to what ran before. `missing_image` says which running digest the registry did not serve any
    more when that was asked last, at `missing_image_checked_at`. `expected_intent` is the rollout that the history's
    `expected` comes from; `in_flight` is what may still come into the job of rollouts that were given up.
    """

    watch: Watch
    rule: Rule
    auto_deploy: bool
    tags: tuple[str, ...]
    tags_read_at: datetime | None
    desired_tag: str
    desired_digest: str
    running_tags: tuple[str, ...]
    job_create_index: int
    history: History
    rebaseline: bool
    drifted_at: datetime | None
    drift_images: Mapping[str, str]
    newest_found_at: datetime | None
    commanded_at: datetime | None
    events: tuple[OpenEvent, ...]
    rolled_back_at: datetime | None = None
    missing_image: str = ""
    missing_image_checked_at: datetime | None = None
    expected_intent: int = 0
    in_flight: tuple[InFlight, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What a rollout brings to one watch. `former` maps "group/task" to the image text that stood there when this very
    digest ran, where it goes back to that."""

    watch: str
    tag: str
    digest: str
    forced: bool
    former: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRollout:
    """The one rollout of the target that has not ended. `patch` is None until a look wrote down what to register.

    `undoes` is the rollout that it takes back; `awaits_promotion` is whether its canaries wait for a person.
    """

    rollout_id: UUID
    origin: Origin
    submitted: bool
    patch: JobPatch | None
    items: tuple[Item, ...]
    undoes: UUID | None = None
    awaits_promotion: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A target under lease. `generation` is what it was when the look began: it is cleared only if it has not moved
    since.

    `stalled_index` is the registration whose rollout we gave up as stalled, 0 when there is none. `others_active`
    counts the rollouts of other targets that are under way, `others_due` the targets that are yet to be looked at (ten
    at most). `queued_since` is since when it waits for other rollouts to end, None when it does not.
    """

    target_id: int
    token: UUID
    place: JobPlace
    generation: int
    now: datetime
    inspect_job: bool
    polled: bool
    attempts: int
    paused: bool
    job_read_at: datetime | None
    foreign_progress: str
    foreign_since: datetime | None
    stalled_index: int
    outage: str
    watches: tuple[WatchState, ...]
    rollout: OpenRollout | None
    others_active: int = 0
    others_due: int = 0
    queued_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAnswer:
    """What a look found out about an event; `settled` False means that the tag does not show its digest yet."""

    event_id: int
    settled: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedTag:
    """What a watch's registry showed, when it answered; `tags` is None when they were not listed."""

    tags: tuple[str, ...] | None
    tag: str
    digest: str
    found_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchResult:
    """What a look leaves on a watch. `outage` "" means that it was seen; else nothing but the trouble changes.

    `missing_image` is which running digest the registry serves no more, "" when there is none, None when it was not
    asked.
    """

    watch: str
    outage: str = ""
    sight: ResolvedTag | None = None
    decision: Decision | None = None
    running: tuple[Mapping[str, str], ...] = ()
    history: History = field(default_factory=History)
    drifted_at: datetime | None = None
    drift_images: Mapping[str, str] = field(default_factory=dict)
    events: tuple[EventAnswer, ...] = ()
    notify: bool = False
    missing_image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What is about to be registered: written down before Nomad hears of it, so that a crash loses nothing.

    `reuse` keeps the open rollout's identity; otherwise an open one ends as superseded. `before` is each watch's tag
    and digest that ran, both "" where its tasks ran several or unknown ones. `identities` are the images that the
    job's tasks will have, by normalised name. `digest_changed` are the watches whose `Deploy` has that flag.
    """

    rollout_id: UUID
    reuse: bool
    items: tuple[Item, ...]
    from_images: Mapping[str, Mapping[str, str]]
    before: Mapping[str, tuple[str, str]]
    message: Mapping[str, str]
    task_watches: Mapping[TaskKey, str]
    identities: Mapping[TaskKey, str]
    patch: JobPatch
    digest_changed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotBounds:
    """What must still hold when a launch of the rule is written: with `at_most` rollouts under way it is one of them
    (0 is no limit), and with `heeds_failures` its image has not failed on another job since the look began."""

    at_most: int
    heeds_failures: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a look leaves on its target. `requeue_in` is when it wants to look again by itself, in seconds, if ever.

    `ended` is how the open rollout ended without being registered. `queued` is whether the target waits for other
    rollouts to end, None when that was not decided anew; `queued_last` is whether nobody needs to wake it then.
    `bounds` is None for what a person or an undo orders.
    """

    job: JobState | None = None
    job_read: bool = False
    foreign_progress: str = ""
    watches: tuple[WatchResult, ...] = ()
    launch: Launch | None = None
    ended: Outcome | None = None
    requeue_in: float | None = None
    attempts: int = 0
    poll_in: float | None = None
    queued: bool | None = None
    queued_last: bool = False
    bounds: SlotBounds | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a settled look asks to be rung: due again at once or later (seconds), notifications to send, and the targets
    whose turn it is now.

    `overtaken` is True when a person's word, or other rollouts, came in between: nothing was written, and the look is
    to be done again.
    """

    due_in: float | None = None
    notification_delivery_ids: tuple[int, ...] = ()
    woken: tuple[int, ...] = ()
    overtaken: bool = False


class Targets(Protocol):
    """The store of looks. All methods raise StoreUnavailable; those that write raise LeaseLost."""

    async def claim(self, target_id: int, lease_seconds: float) -> Claim | None:
        """Take the lease if the target is due and free; None otherwise (a duplicate ring, or another looks)."""
        ...

    async def renew(self, claim: Claim, lease_seconds: float) -> bool:
        """Prolong the lease; False when it was lost."""
        ...

    async def sight(self, claim: Claim, watch: str, sight: ResolvedTag) -> bool:
        """Record that the rule wanted this digest; True when the watch never saw it before."""
        ...

    async def settle(self, claim: Claim, result: Result) -> Written:
        """Write everything that the look found, in one transaction; the lease stays when `result.launch` is given.

        A launch, or the end of an open rollout, is only written when no person spoke since the look began, and within
        `result.bounds`.
        """
        ...

    async def submitted(self, claim: Claim, rollout_id: UUID, patch: JobPatch, submission: Submission) -> Written:
        """Record that Nomad has the rollout's patch, and let the lease go.

        The only write without the lease: what this worker registered is a fact, however late it comes to write it. It
        is the rollout's alone when a newer rollout has been registered since, and nobody's when the rollout has another
        patch by now.
        """
        ...

    async def requeue(self, claim: Claim, *, seconds: float, outage: str, refused: bool = False) -> Written:
        """Let the lease go and look again later; `outage` is told once and shown until it passes.

        What was `refused` keeps no turn: others may go meanwhile.
        """
        ...

    async def withdraw(self, claim: Claim, rollout_id: UUID) -> None:
        """Forget the patch of a launch that Nomad refused: it is known not to be in the job. The rollout stays open."""
        ...

    async def refuse(self, claim: Claim, rollout_id: UUID, outcome: Outcome) -> Written:
        """End a person's rollout that Nomad refuses, and let the lease go."""
        ...
