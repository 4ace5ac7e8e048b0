"""What a person's word about a rollout is made of, and the store that keeps it. Values only; asking is steer's."""

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
    """A rollout as its last look left it. `what` lists its watches and tags; `outcome` is None until it is over."""

    what: str
    registered: bool
    outcome: OutcomeKind | None
    deployment: DeploymentState | None
    canary_command: CanaryCommand | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertibleItem:
    """What a rollout brought to a watch, and what ran before it: `from_digest` is "" when that is not known.

    `watch` is None once it left the configuration, or moved to another job. `running` is the digest that all its tasks
    run, "" where they differ, where it failed, and where the job was not read since the last rollout. `former` maps
    "group/task" to the image that stood there before the newest rollout, when `former_digest` ran.
    """

    name: str
    watch: Watch | None
    tag: str
    digest: str
    from_tag: str
    from_digest: str
    running: str
    former: Mapping[str, str] = field(default_factory=dict)
    former_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertibleRollout:
    """A rollout to go back from, or to. `newest` is the rollout of the job that was registered last.

    `undone_by_rollout` is a rollout that took this one back, where nothing was registered since; `undoing` says what
    it brings while it is under way, "" once it is over.
    """

    rollout_id: UUID
    target_id: int
    what: str
    registered: bool
    outcome: OutcomeKind | None
    newest: UUID | None
    undone_by_rollout: UUID | None
    undoing: str
    items: tuple[RevertibleItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What a watch goes back to; `tag` is "" for a bare digest.

    `former` maps "group/task" to the image that stood there when this very digest ran.
    """

    watch: Watch
    tag: str
    digest: str
    former: Mapping[str, str] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """For people: the watch and its tag, or its digest where there is none."""
        return f"{self.watch.name} {self.tag or self.digest}"


def rollback(past: RevertibleRollout, destinations: Sequence[Destination], *, by: str) -> Request:
    """The rollout that brings the destinations, and takes back the job's newest."""
    items = tuple(RequestedItem(watch=each.watch.name, tag=each.tag, digest=each.digest) for each in destinations)
    return Request(origin=Origin.ROLLBACK, items=items, by=by, undoes=past.newest)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequested:
    """A rollback that was stored: its rollout, and the notifications of the one that gave way to it.

    `taken` is whether its id is that of another job's rollout: nothing was written then.
    """

    rollout_id: UUID
    notification_delivery_ids: Sequence[int] = ()
    key_conflict: bool = False


class RolloutCommands(Protocol):
    """The store of people's words about rollouts. All methods raise StoreUnavailable."""

    async def underway(self, rollout_id: UUID) -> Underway | None:
        """The rollout of that id; None when there is none."""
        ...

    async def command_canaries(self, rollout_id: UUID, canary_command: CanaryCommand, *, by: str) -> bool:
        """Store the wish and make the rollout due for a look; False when it is not under way (any more)."""
        ...

    async def revertible(self, rollout_id: UUID) -> RevertibleRollout | None:
        """The rollout of that id with what ran before it; None when there is none."""
        ...

    async def known_request(self, rollout_id: UUID, idempotency_key: UUID) -> KnownRequest | None:
        """The rollout asked for under the id `idempotency_key`, as the job of `rollout_id` sees it; None when there is
        none.
        """
        ...

    async def roll_back(
        self,
        past: RevertibleRollout,
        destinations: Sequence[Destination],
        *,
        by: str,
        idempotency_key: UUID | None = None,
    ) -> RollbackRequested | None:
        """Ask for a rollout that brings the destinations, in the place of an active one; hold its watches there until
        something newer appears, and make the target due.

        Where such a one is active already, or was asked for under the id `idempotency_key`, it is returned. None when
        another rollout was registered since `past`.
        """
        ...
