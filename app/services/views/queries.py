"""The values that people read: watches with their running and desired images; rollouts; outages. With their store.

It changes nothing, and asks neither a registry nor Nomad: everything is as the last reconcile stored it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.domain.decision import HoldReason
from app.domain.deployment import DeploymentState, Diagnosis
from app.domain.rollout import Origin, OutcomeKind, RolloutState
from app.domain.running import RunningImage
from app.domain.undo import RollbackOffer
from app.domain.watch import JobPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """What the job specified for one task at the last reconcile; `tag` and `digest` are "" if unknown."""

    task: str
    image: str
    tag: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """The last decision. `reason` is None for a deploy; `reconciles` decided so, from `first_at` to `last_at`."""

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
    """One rollout in a line. `what` lists its watches and tags as text; `note` is what it waits for.

    `deployment` is Nomad's as it was followed last. `undoes` is the rollout that it undoes, `undone_by` the newest one
    that undid it. `rollback` is the rollback to offer; a watch's last rollout is listed without it.
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
    rollback: RollbackOffer | None = None

    @property
    def awaits_promotion(self) -> bool:
        """Whether its canaries are healthy and only a promotion continues it."""
        return self.ended_at is None and self.deployment is not None and self.deployment.awaits_promotion


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutItem:
    """What a rollout deploys to one watch; `from_images` maps "group/task" to the image before.

    `from_tag` and `from_digest` are what all its tasks ran before; "" if they ran several, or unknown ones.
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
    """A registry or Nomad that does not answer, or refuses, and since when."""

    problem: str
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchView:
    """One watch. `desired` is the tag that its rule, or a person's command, desires; "" if there is none.

    `specified` is what the job says and `running` what its allocations run, at the last reconcile; `allocation_count`
    is how many allocations should run, None before the first reconcile. `tags` are the registry's at `tags_read_at`;
    empty in a list. `registry_outage` and `job_outage` say why it cannot be read. `due` is True if a reconcile is about
    to run. `job_read_at` is when the job was read last; with `follows_job` each change makes it read at once.
    `source_stale` says why the job's source still names an older image; `missing_image` that the registry no longer has
    the running one. `rolled_back_at` is the time of a person's rollback, until something newer appears. `failed` are
    the digests that are held, the newest first.
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
    specified: tuple[TaskView, ...]
    running: tuple[RunningImage, ...]
    allocation_count: int | None
    decision: DecisionView | None
    rollout: RolloutSummary | None
    registry_outage: Outage | None
    job_outage: Outage | None
    due: bool
    promote_after: float | None = None
    revert_on_failure: bool = True
    job_read_at: datetime | None = None
    follows_job: bool = False
    rolled_back_at: datetime | None = None
    source_stale: str = ""
    missing_image: Outage | None = None
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownSource:
    """A webhook source that is not configured, with the number of its deliveries and the time of the last one."""

    source: str
    deliveries: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemOutage:
    """A part that does not answer, refuses, or is stalled, by its name: "registry hub", "Nomad", "Nomad jobs".

    `explained_by` are the parts whose outage would be the cause of this one.
    """

    name: str
    problem: str
    since: datetime | None
    explained_by: frozenset[str] = frozenset()


def unexplained(outages: Iterable[SystemOutage], explaining: Collection[str]) -> tuple[SystemOutage, ...]:
    """The outages without those that an outage of these parts explains: one cause is reported once."""
    return tuple(each for each in outages if each.explained_by.isdisjoint(explaining))


def part_name(*, registry: str | None, of_all: bool, is_ours: bool) -> str:
    """The name in the list of outages: this registry; if None, this program if the fault `is_ours`, and otherwise Nomad
    if the outage is that `of_all` its jobs. The jobs that alone are refused have one name, however many they are."""
    if registry is not None:
        return f"registry {registry}"
    if is_ours:
        return "registrywatcher"
    return "Nomad" if of_all else "Nomad jobs"


class Queries(Protocol):
    """The store, read for people. All methods raise StoreUnavailable, and take a constant number of statements."""

    async def watches(self) -> tuple[WatchView, ...]:
        """Every configured watch in the configuration's order, with its tags."""
        ...

    async def watch(self, name: str) -> WatchView | None:
        """One configured watch with its tags; None if there is none."""
        ...

    async def rollouts(self, *, limit: int) -> tuple[RolloutSummary, ...]:
        """The newest rollouts, newest first."""
        ...

    async def rollout(self, rollout_id: UUID) -> RolloutView | None:
        """One rollout; None if there is none, or it is no longer kept."""
        ...

    async def outages(self) -> tuple[SystemOutage, ...]:
        """The registries, Nomad and its jobs whose outage prevents a reconcile, each once (the jobs together), with the
        earliest time; and the outages of work and processes that app/services/processes/standstill.py finds."""
        ...


class SchemaCheck(Protocol):
    """Whether the database is this program's."""

    async def __call__(self) -> tuple[str, ...]:
        """The migrations that are not applied yet. Raises StoreUnavailable, or Permanent for another program's."""
        ...
