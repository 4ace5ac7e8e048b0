"""What a person's word is made of, and the store that keeps it. Values only; what is asked of whom is operate's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from app.domain.history import History
from app.domain.rollout import Origin
from app.domain.supersede import Request, RequestedItem
from app.domain.watch import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentRule:
    """A watch, its rule and its history as they stand. `running_tag` is the highest release that runs, if any."""

    watch: Watch
    pinned_tag: str
    auto_deploy: bool
    running_tag: str | None
    history: History = field(default_factory=History)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRequest:
    """A deploy that a person asked for; `forced` False leaves alone what already runs it."""

    origin: Origin
    tag: str
    digest: str
    forced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A person's word about one watch; None leaves that part of the rule as it is. `by` is who spoke.

    `idempotency_key` becomes the id of the rollout that it asks for: the same word again, with the same id, is not
    another.
    """

    watch: str
    by: str
    pinned_tag: str | None = None
    auto_deploy: bool | None = None
    deploy_request: DeployRequest | None = None
    is_reset: bool = False
    idempotency_key: UUID | None = None

    @property
    def request(self) -> Request | None:
        """The rollout that it asks for; None when it asks for none."""
        deploy_request = self.deploy_request
        if deploy_request is None:
            return None
        item = RequestedItem(
            watch=self.watch, tag=deploy_request.tag, digest=deploy_request.digest, forced=deploy_request.forced
        )
        return Request(origin=deploy_request.origin, items=(item,), by=self.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRequest:
    """A rollout that was asked for under an id: whether it is `here`, of the same job, and what it brings in words.

    `tag` is what it brings to the watch that was asked about, "" when it brings nothing to it, or a bare digest.
    """

    rollout_id: UUID
    same_target: bool
    what: str
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """What a word led to: the target that is due by it, the rollout that brings it, and notifications to send.

    `taken` is whether its id is that of another job's rollout: nothing was written then.
    """

    target_id: int
    rollout_id: UUID | None = None
    notification_delivery_ids: tuple[int, ...] = ()
    key_conflict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What a person let go: the failed digests, each as "tag digest"; a rollback; a change made outside.

    `due` are the targets that are due by it. `state` is the watch's last decision in words.
    """

    state: str
    failed: tuple[str, ...] = ()
    rolled_back: bool = False
    drifted: bool = False
    due: tuple[int, ...] = ()

    @property
    def messages(self) -> tuple[str, ...]:
        """Each part in words; none where nothing held the watch."""
        rolled_back = ("what was rolled back may be deployed again",) if self.rolled_back else ()
        drifted = ("what was changed outside may be deployed over",) if self.drifted else ()
        return (*(f"{what} may be tried again" for what in self.failed), *rolled_back, *drifted)


class WatchCommands(Protocol):
    """The store of what people asked for. All methods raise StoreUnavailable."""

    async def find(self, name: str) -> CurrentRule | None:
        """The watch of that name; None when it is not configured (any more)."""
        ...

    async def execute(self, word: Command) -> CommandResult | None:
        """Write the word in one transaction: the rule, its rollout, its notifications, and that the target is due.

        An active rollout ends as superseded, unless it is this very errand: then its id is returned. What people asked
        for other watches of the target and was not registered yet goes along. None when the watch went meanwhile. Where
        `word.idempotency_key` is a rollout's id already, nothing is written; it is returned when it is of the same
        target. What was said is remembered with it.
        """
        ...

    async def known_request(self, name: str, idempotency_key: UUID) -> KnownRequest | None:
        """The rollout that was asked for under that id, as the watch's job sees it; None when there is none."""
        ...

    async def check(self, name: str, *, by: str) -> int | None:
        """Make the watch's target due, thoroughly, and return it; None when there is no such watch."""
        ...

    async def switch(self, *, paused: bool, by: str) -> Sequence[int] | None:
        """Pause or resume everything; the targets that are due by it, None when it was so already."""
        ...

    async def release(self, name: str, *, by: str) -> Released | None:
        """Let go whatever holds the watch back until a person speaks, and make its target due by it.

        Nothing is written where nothing holds it. None when there is no such watch.
        """
        ...
