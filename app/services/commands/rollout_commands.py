"""The values of a command about a rollout, and the store that keeps it. app/services/commands/rollouts.py uses both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from app.domain.deployment import DeploymentState
from app.domain.rollout import Origin, OutcomeKind
from app.domain.supersede import Request, RequestedItem
from app.domain.watch import Watch
from app.services.commands.watch_commands import KnownRequest
from app.services.rollout.rollouts import CanaryCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class Underway:
    """A rollout as it was followed last. `what` lists its watches and tags; `outcome` is None until it has ended."""

    what: str
    registered: bool
    outcome: OutcomeKind | None
    deployment: DeploymentState | None
    canary_command: CanaryCommand | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertibleItem:
    """What a rollout deployed to a watch, and what ran before it: `from_digest` is "" if that is unknown.

    `watch` is None if it left the configuration, or moved to another job. `running` is the digest that all its tasks
    run; it is "" if they differ, if it failed, or if the job was not read since the last rollout. `failed` are the
    digests that failed on this job. `former` maps
    "group/task" to the image that the job had before the newest rollout, when `former_digest` ran.
    """

    name: str
    watch: Watch | None
    tag: str
    digest: str
    from_tag: str
    from_digest: str
    running: str
    failed: frozenset[str] = frozenset()
    former: Mapping[str, str] = field(default_factory=dict)
    former_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertibleRollout:
    """A rollout to roll back from, or to. `newest` is the rollout of the job that was registered last.

    `undone_by_rollout` is a rollout that undid this one, if nothing was registered since, and `undone_by_us` whether
    that was our undo; `undoing` says what it deploys while it is under way, "" once it has ended.
    """

    rollout_id: UUID
    target_id: int
    what: str
    origin: Origin
    registered: bool
    outcome: OutcomeKind | None
    newest: UUID | None
    undone_by_rollout: UUID | None
    undone_by_us: bool
    undoing: str
    items: tuple[RevertibleItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What a watch rolls back to; `tag` is "" for a bare digest, `failed` is whether this digest failed on this job.

    `former` maps "group/task" to the image that the job had when exactly this digest ran.
    """

    watch: Watch
    tag: str
    digest: str
    failed: bool = False
    former: Mapping[str, str] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """For people: the watch and its tag, or its digest if there is no tag."""
        return f"{self.watch.name} {self.tag or self.digest}"


def rollback(revertible: RevertibleRollout, destinations: Sequence[Destination], *, by: str) -> Request:
    """The request for a rollout that deploys the destinations, and undoes the job's newest; `by` is the actor."""
    items = tuple(RequestedItem(watch=each.watch.name, tag=each.tag, digest=each.digest) for each in destinations)
    return Request(origin=Origin.ROLLBACK, items=items, by=by, undoes=revertible.newest)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequested:
    """A rollback that was stored: its rollout, and the notifications of the rollout that it superseded.

    `key_conflict` is True if its idempotency key is the id of another job's rollout: nothing was written then.
    """

    rollout_id: UUID
    notification_delivery_ids: Sequence[int] = ()
    key_conflict: bool = False


class RolloutCommands(Protocol):
    """The store of commands about rollouts; `by` is the actor, who may give a `reason`.

    All methods raise StoreUnavailable.
    """

    async def underway(self, rollout_id: UUID) -> Underway | None:
        """The rollout of that id; None if there is none."""
        ...

    async def command_canaries(
        self, rollout_id: UUID, canary_command: CanaryCommand, *, by: str, reason: str = ""
    ) -> bool:
        """Store the command and make the rollout due to be followed; False if it is not under way (any more)."""
        ...

    async def revertible(self, rollout_id: UUID) -> RevertibleRollout | None:
        """The rollout of that id with what ran before it; None if there is none."""
        ...

    async def known_request(self, rollout_id: UUID, idempotency_key: UUID) -> KnownRequest | None:
        """The rollout requested under `idempotency_key`, compared with the job of `rollout_id`; None if there is
        none.
        """
        ...

    async def roll_back(
        self,
        revertible: RevertibleRollout,
        destinations: Sequence[Destination],
        *,
        by: str,
        reason: str = "",
        idempotency_key: UUID | None = None,
    ) -> RollbackRequested | None:
        """Request a rollout that deploys the destinations and supersedes an active one; hold its watches there until
        something newer appears, and make the target due.

        If such a rollout is active already, or was requested under `idempotency_key`, it is returned. None if another
        rollout was registered since `revertible` was read.
        """
        ...
