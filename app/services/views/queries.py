"""What people read: watches with what runs, what is wanted and why not; rollouts; what is away. Values and their store.

It changes nothing and asks no registry and no Nomad: everything is as the last look left it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.domain.decision import HoldReason
from app.domain.deployment import DeploymentState, Diagnosis
from app.domain.rollout import Origin, OutcomeKind, RolloutState
from app.domain.watch import JobPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """What one task of the job ran at the last look; `tag` and `digest` are "" when unknown."""

    task: str
    image: str
    tag: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """The last decision. `reason` is None for a deploy; `reconciles` looks came to it, from `first_at` to `last_at`."""

    reason: HoldReason | None
    message: str
    tag: str
    digest: str
    reconciles: int
    first_at: datetime
    last_at: datetime
    rollout_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSummary:
    """One rollout in a line. `what` lists its watches and tags in words; `note` is what it waits for.

    `deployment` is Nomad's as it was seen last. `undoes` is the rollout that it takes back, `undone_by` the newest that
    took it back.
    """

    rollout_id: UUID
    state: RolloutState
    outcome: OutcomeKind | None
    reason: str
    note: str
    origin: Origin
    requested_by: str
    what: str
    created_at: datetime
    ended_at: datetime | None
    deployment: DeploymentState | None = None
    undoes: UUID | None = None
    undone_by: UUID | None = None

    @property
    def awaits_promotion(self) -> bool:
        """Whether its canaries are healthy and nothing but a promotion moves it."""
        return self.ended_at is None and self.deployment is not None and self.deployment.awaits_promotion


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutItem:
    """What a rollout brings to one watch; `from_images` maps "group/task" to the image before.

    `from_tag` and `from_digest` are what all its tasks ran before; "" where they ran several, or unknown ones.
    """

    watch: str
    tag: str
    digest: str
    forced: bool
    message: str
    from_images: dict[str, str]
    from_tag: str = ""
    from_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutView:
    """All that is known of one rollout. `changes` maps "group/task" to the image that was registered."""

    summary: RolloutSummary
    place: JobPlace
    items: tuple[RolloutItem, ...]
    changes: dict[str, str]
    submitted_at: datetime | None
    evaluation_id: str
    warnings: str
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Something that does not answer, or refuses, and since when."""

    problem: str
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchView:
    """One watch. `desired` is the tag that its rule, or a person, wants, "" when there is none.

    `tags` are the registry's at `tags_read_at`; empty in a list. `registry_outage` and `job_outage` say what keeps it
    from being seen. `due` tells that a look is on its way. `source_stale` says why the job's source still names an
    older image; `missing_image` that the registry no longer has what runs. `rolled_back_at` is when a person went back,
    while nothing newer has appeared. `failed` are the digests that are held, the newest first.
    """

    name: str
    registry: str
    repository: str
    place: JobPlace
    task: str
    pinned_tag: str
    auto_deploy: bool
    observe_only: bool
    desired: str
    desired_digest: str
    tags: tuple[str, ...]
    tags_read_at: datetime | None
    running: tuple[TaskView, ...]
    decision: DecisionView | None
    rollout: RolloutSummary | None
    registry_outage: Outage | None
    job_outage: Outage | None
    due: bool
    promote_after: float | None = None
    revert_on_failure: bool = True
    rolled_back_at: datetime | None = None
    source_stale: str = ""
    missing_image: Outage | None = None
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownSource:
    """A webhook source that nobody configured, and how often and when last it was posted to."""

    source: str
    deliveries: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemOutage:
    """A part that does not answer, refuses, or stands still, by its name: "registry hub", "Nomad", "worker"."""

    name: str
    problem: str
    since: datetime | None


def part_name(*, registry: str | None) -> str:
    """What people call this registry, or Nomad when None, among what is away."""
    return "Nomad" if registry is None else f"registry {registry}"


class Queries(Protocol):
    """The store, read for people. All methods raise StoreUnavailable, and take a constant number of statements."""

    async def watches(self) -> tuple[WatchView, ...]:
        """Every configured watch in the configuration's order, with its tags."""
        ...

    async def watch(self, name: str) -> WatchView | None:
        """One configured watch with its tags; None when there is no such."""
        ...

    async def rollouts(self, *, limit: int) -> tuple[RolloutSummary, ...]:
        """The newest rollouts, newest first."""
        ...

    async def rollout(self, rollout_id: UUID) -> RolloutView | None:
        """One rollout; None when there is (or is remembered) no such."""
        ...

    async def outages(self) -> tuple[SystemOutage, ...]:
        """The registries and Nomad that keep watches from being seen, each once, with the earliest time; and what
        services/processes/standstill.py tells of the work and the processes."""
        ...


class SchemaCheck(Protocol):
    """Whether the database is this program's."""

    async def __call__(self) -> tuple[str, ...]:
        """The migrations that are not applied yet. Raises StoreUnavailable, or Permanent when it is another's."""
        ...
