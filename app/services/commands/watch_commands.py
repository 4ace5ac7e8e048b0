"""The values of a command about a watch, and the store that keeps it. app/services/commands/watches.py uses both."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from app.domain.history import History
from app.domain.reasons import takes_over
from app.domain.rollout import Origin
from app.domain.supersede import Request, RequestedItem
from app.domain.watch import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentRule:
    """A watch, its current rule and its history. `specified_tag` is the highest release that runs, if any."""

    watch: Watch
    pinned_tag: str
    auto_deploy: bool
    specified_tag: str | None
    history: History = field(default_factory=History)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRequest:
    """A deploy that a person asked for. If `forced` is False, tasks that already run the digest stay as they are."""

    origin: Origin
    tag: str
    digest: str
    forced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A person's command about one watch; None leaves that part of the rule as it is. `by` is the actor, `reason` what
    the actor gave as the reason.

    `idempotency_key` becomes the id of the rollout that it requests: the same command with the same key requests no
    second one.
    """

    watch: str
    by: str
    reason: str = ""
    pinned_tag: str | None = None
    auto_deploy: bool | None = None
    deploy_request: DeployRequest | None = None
    is_reset: bool = False
    idempotency_key: UUID | None = None

    def pins_anew(self, before: str) -> bool:
        """Whether its actor and reason replace those of the pinned tag `before`."""
        tag = self.pinned_tag
        return tag is not None and takes_over(changed=tag != before, reason=self.reason)

    def switches_anew(self, before: bool) -> bool:
        """Whether its actor and reason replace those of auto deploy, which was `before`."""
        switch = self.auto_deploy
        return switch is not None and takes_over(changed=switch != before, reason=self.reason)

    @property
    def request(self) -> Request | None:
        """The rollout that it requests; None if it requests none."""
        deploy_request = self.deploy_request
        if deploy_request is None:
            return None
        item = RequestedItem(
            watch=self.watch, tag=deploy_request.tag, digest=deploy_request.digest, forced=deploy_request.forced
        )
        return Request(origin=deploy_request.origin, items=(item,), by=self.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRequest:
    """A rollout that was already requested under an idempotency key. `what` lists its watches and tags.

    `same_target` is True if it is a rollout of the job that the command names. `tag` is what it deploys to the watch
    that the command names; "" if it deploys nothing to it, or a bare digest.
    """

    rollout_id: UUID
    same_target: bool
    what: str
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """The effect of a command: the target that became due, the rollout that it requested, and notifications to send.

    `key_conflict` is True if its idempotency key is the id of another job's rollout: nothing was written then.
    """

    target_id: int
    rollout_id: UUID | None = None
    notification_delivery_ids: tuple[int, ...] = ()
    key_conflict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The holds that a person released: failed digests, each as "tag digest"; a rollback; drift.

    `due` are the targets that became due. `state` is the message of the watch's last decision.
    """

    state: str
    failed: tuple[str, ...] = ()
    rolled_back: bool = False
    drifted: bool = False
    due: tuple[int, ...] = ()

    @property
    def messages(self) -> tuple[str, ...]:
        """A message for each hold that was released; empty if there was none."""
        rolled_back = ("what was rolled back may be deployed again",) if self.rolled_back else ()
        drifted = ("the drift may be overwritten by a deploy",) if self.drifted else ()
        return (*(f"{what} may be tried again" for what in self.failed), *rolled_back, *drifted)


class WatchCommands(Protocol):
    """The store of commands about watches; `by` is the actor, who may give a `reason`.

    All methods raise StoreUnavailable.
    """

    async def find(self, name: str) -> CurrentRule | None:
        """The watch of that name; None if it is not configured (any more)."""
        ...

    async def execute(self, command: Command) -> CommandResult | None:
        """Write the command in one transaction: the rule, its rollout, its notifications, its audit log, and that the
        target is due.

        An active rollout ends as superseded, unless it is this same request: then its id is returned. Requests for
        other watches of the target that were not registered yet become part of the new rollout. None if the watch was
        removed meanwhile. If `command.idempotency_key` is a rollout's id already, nothing is written; that rollout is
        returned if it is of the same target.
        """
        ...

    async def known_request(self, name: str, idempotency_key: UUID) -> KnownRequest | None:
        """The rollout requested under that key, compared with the watch's job; None if there is none."""
        ...

    async def check(self, name: str, *, by: str) -> int | None:
        """Make the watch's target due for a full reconcile, and return it; None if there is no such watch."""
        ...

    async def switch(self, *, paused: bool, by: str, reason: str = "") -> Sequence[int] | None:
        """Pause or resume everything; the targets that became due, None if it was so already."""
        ...

    async def release(self, name: str, *, by: str, reason: str = "") -> Released | None:
        """Release every hold that waits for a person, and make the watch's target due.

        Nothing is written if nothing holds the watch. None if there is no such watch.
        """
        ...
