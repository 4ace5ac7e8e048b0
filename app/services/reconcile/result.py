"""What a reconcile stores: the results for its watches, the launch, and what must be woken afterwards. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.domain.answers import Outlook
from app.domain.decision import Decision
from app.domain.drift import DriftedImage
from app.domain.history import History, Image
from app.domain.job import JobPatch, JobState, TaskKey
from app.domain.rollout import Outcome
from app.domain.running import RunningImage
from app.services.reconcile.claim import LaunchItem


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAnswer:
    """A reconcile's answer to an event; `settled` is False if the tag does not have its digest yet. `pending` is
    whether it is answered again when more is known of its tag."""

    event_id: int
    settled: bool
    message: str
    pending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedTag:
    """The resolved tag of a watch; `tags` is None if they were not listed."""

    tags: tuple[str, ...] | None
    tag: str
    digest: str
    found_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideChange:
    """Somebody changed the images of these tasks in the job, at about that time."""

    at: datetime
    changes: tuple[DriftedImage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchResult:
    """What a reconcile stores for a watch. With an `outage` it was not resolved, and only the outage is stored.

    `running` are the images of its allocations; `allocation_count` is how many of them should run. `outside` is what
    somebody changed in the job since the last check. `missing_image` is the message about a running digest that the
    registry no longer has, "" if there is none, None if it was not checked. `digests` are the tags whose digest is not
    the stored one, each with its digest. `period_images` are the running images, None if they are as stored.
    `outlook` answers its events.
    """

    watch: str
    outage: str = ""
    resolved: ResolvedTag | None = None
    decision: Decision | None = None
    specified: tuple[Mapping[str, str], ...] = ()
    running: tuple[RunningImage, ...] = ()
    allocation_count: int = 0
    history: History = field(default_factory=History)
    drifted_at: datetime | None = None
    drift_images: Mapping[str, str] = field(default_factory=dict)
    outside: OutsideChange | None = None
    events: tuple[EventAnswer, ...] = ()
    notify: bool = False
    missing_image: str | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    period_images: frozenset[Image] | None = None
    outlook: Outlook | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A registration to make. It is stored before Nomad receives it, so that a crash loses nothing.

    `reuse` keeps the open rollout's id; otherwise an open one ends as superseded. `before` is each watch's running tag
    and digest, both "" if its tasks run several or unknown ones. `identities` are the images that the job's tasks will
    have, by normalised name. `digest_changed` are the watches whose `Deploy` has that flag.
    """

    rollout_id: UUID
    reuse: bool
    items: tuple[LaunchItem, ...]
    from_images: Mapping[str, Mapping[str, str]]
    before: Mapping[str, tuple[str, str]]
    message: Mapping[str, str]
    task_watches: Mapping[TaskKey, str]
    identities: Mapping[TaskKey, str]
    patch: JobPatch
    digest_changed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotBounds:
    """The bounds that must still be met when a launch of the rule is written.

    At most `at_most` rollouts are under way, including this one (0 is no limit). With `heeds_failures`, its image has
    not failed on another job since the reconcile began.
    """

    at_most: int
    heeds_failures: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a reconcile stores for its target. `requeue_in` is the seconds until the next reconcile, None for none.

    `ended` is the outcome of the open rollout if it was not registered. `queued` is whether the target waits for a
    slot, None if that was not decided again; `queued_last` is whether the end of another rollout need not wake it.
    `bounds` is None for a launch that a person or an undo asked for.
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
    """What to wake after a reconcile: the target itself in `due_in` seconds, notifications to send, and targets that
    get a slot now.

    `decided` are the watches whose decision differs from their last one.
    `overtaken` is True if a command or other rollouts came in between: nothing was written, and the target must be
    reconciled again.
    """

    due_in: float | None = None
    notification_delivery_ids: tuple[int, ...] = ()
    woken: tuple[int, ...] = ()
    decided: frozenset[str] = frozenset()
    overtaken: bool = False
