"""The stored state at the start of a reconcile: a target under lease, its watches, its open rollout. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.domain.event import EventAction
from app.domain.history import History, Image, InFlight
from app.domain.job import JobPatch
from app.domain.reasons import Commanded, StandingCommands
from app.domain.rollout import Origin
from app.domain.rule import Rule
from app.domain.watch import JobPlace, Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEvent:
    """An event that no reconcile has answered yet; `attempts` counts the reconciles that did not find its digest.

    `before` is the digest that the tag had before the event, "" if unknown; `age` is in seconds since its receipt.
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
    """A watch with its rule and its records. `desired_*` is the image that the last reconcile resolved.

    `job_create_index` is 0 if the watch was never reconciled. `specified_tags` are the tags of its tasks at the last
    reconcile. `newest_found_at` is when a digest was last found for the first time, `commanded_at` the time of the last
    command, `rolled_back_at` the time of a rollback. `missing_image` names the running digest that the registry did not
    have at the last check, at `missing_image_checked_at`. `expected_intent` is the rollout that wrote the history's
    `expected`. `in_flight` are registrations of abandoned rollouts that may still arrive in the job.
    `period_images` are the images of the running periods that are open. `commands` are who pinned the tag, switched
    auto deploy and rolled back, when and why.
    """

    watch: Watch
    rule: Rule
    auto_deploy: bool
    tags: tuple[str, ...]
    tags_read_at: datetime | None
    desired_tag: str
    desired_digest: str
    specified_tags: tuple[str, ...]
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
    period_images: frozenset[Image] = frozenset()
    commands: StandingCommands = field(default_factory=StandingCommands)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchItem:
    """The part of a rollout for one watch. For an undo or rollback, `former` maps "group/task" to the image text that
    the task had when it ran this digest."""

    watch: str
    tag: str
    digest: str
    forced: bool
    former: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRollout:
    """The one rollout of the target that has not ended. `patch` is None until a reconcile stores it.

    `undoes` is the rollout that it undoes or rolls back; `awaits_promotion` is whether its canaries wait for a person.
    """

    rollout_id: UUID
    origin: Origin
    submitted: bool
    patch: JobPatch | None
    items: tuple[LaunchItem, ...]
    undoes: UUID | None = None
    awaits_promotion: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A target under lease. `generation` is its value at the start; if it grew since, the target is due again.

    `stalled_index` is the registration whose rollout ended as stalled, 0 if there is none. `others_active` counts the
    rollouts of other targets that are under way, `others_due` the other targets that are due (ten at most).
    `queued_since` is since when it waits for a slot, None if it does not. `pause` is the command that last paused or
    resumed everything. `job_index` is the JobModifyIndex that the job had when it was read or registered last. With
    `follows_job`, a change of the job makes the target due by itself; with
    `nomad_outage` it is known, and shown for all jobs at once, that Nomad is away.
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
    pause: Commanded = field(default_factory=Commanded)
    follows_job: bool = False
    nomad_outage: bool = False
    job_index: int = 0
