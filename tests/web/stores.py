"""The stores of the web application in memory: queries, rules, rollout commands and the feed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

from app.adapters.postgres.views.mailbox import Mailbox
from app.domain.why.facts import TagFacts, WatchFacts
from app.refusals.process import UNDERWAY
from app.services.commands.rollout_commands import (
    Destination,
    RevertibleRollout,
    RollbackRequested,
    Underway,
)
from app.services.commands.watch_commands import Command, CommandResult, CurrentRule, KnownRequest, Released
from app.services.rollout.rollouts import CanaryCommand
from app.services.views.feed import Change
from app.services.views.queries import (
    RolloutSummary,
    RolloutView,
    SystemOutage,
    WatchView,
)
from app.services.views.why import StoredFacts, WhyStore
from tests.web.values import NOW, PAST, ROLLOUT, SUMMARY, WATCH, watch_named


@dataclass
class MemoryQueries:
    """Queries over the test's values; `outage` is raised instead."""

    known: tuple[WatchView, ...] = (WATCH,)
    ended: tuple[RolloutView, ...] = (ROLLOUT,)
    absent: tuple[SystemOutage, ...] = ()
    outage: Exception | None = None

    async def watches(self) -> tuple[WatchView, ...]:
        self._check()
        return self.known

    async def watch(self, name: str) -> WatchView | None:
        self._check()
        return next((watch for watch in self.known if watch.name == name), None)

    async def rollouts(self, *, limit: int) -> tuple[RolloutSummary, ...]:
        self._check()
        return tuple(each.summary for each in self.ended[:limit])

    async def rollout(self, rollout_id: UUID) -> RolloutView | None:
        self._check()
        return next((each for each in self.ended if each.summary.rollout_id == rollout_id), None)

    async def outages(self) -> tuple[SystemOutage, ...]:
        self._check()
        return self.absent

    def _check(self) -> None:
        if self.outage is not None:
            raise self.outage


@dataclass
class MemoryWhy:
    """The facts of the test, for each watch of `names`; `instead` answers if it is given."""

    names: tuple[str, ...] = ("app", "team/app")
    watch: WatchFacts = field(default_factory=lambda: WatchFacts(name="app"))
    tags: tuple[TagFacts, ...] = ()
    total: int = 0
    outage: Exception | None = None
    instead: WhyStore | None = None

    async def facts(self, watch: str, *, tag: str | None, limit: int) -> StoredFacts | None:
        if self.instead is not None:
            return await self.instead.facts(watch, tag=tag, limit=limit)
        if self.outage is not None:
            raise self.outage
        if watch not in self.names:
            return None
        known = {each.tag: each for each in self.tags}
        chosen = self.tags[:limit] if tag is None else (known.get(tag, TagFacts(tag=tag)),)
        total = max(self.total, len(self.tags)) if tag is None else 1
        return StoredFacts(now=NOW, watch=replace(self.watch, name=watch), tags=chosen, total=total)


@dataclass
class MemoryWatchCommands:
    """Rules that record the commands; each name in `names` is a watch in its own job."""

    names: tuple[str, ...] = ("app", "team/app")
    commands: list[Command] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    released: Released = field(default_factory=lambda: Released(state="v1.1.0 runs"))
    paused: bool = False
    reasons: list[str] = field(default_factory=list)
    outage: Exception | None = None

    async def find(self, name: str) -> CurrentRule | None:
        if self.outage is not None:
            raise self.outage
        if name not in self.names:
            return None
        stored = [command for command in self.commands if command.watch == name]
        return CurrentRule(
            watch=watch_named(name),
            pinned_tag=next((command.pinned_tag for command in reversed(stored) if command.pinned_tag is not None), ""),
            auto_deploy=next(
                (command.auto_deploy for command in reversed(stored) if command.auto_deploy is not None), True
            ),
            specified_tag=None,
        )

    async def execute(self, command: Command) -> CommandResult | None:
        if command.watch not in self.names:
            return None
        if command.idempotency_key is not None and (
            known := await self.known_request(command.watch, command.idempotency_key)
        ):
            return CommandResult(target_id=1, rollout_id=command.idempotency_key, key_conflict=not known.same_target)
        self.commands.append(command)
        return CommandResult(
            target_id=1, rollout_id=(command.idempotency_key or UUID(int=9)) if command.deploy_request else None
        )

    async def known_request(self, name: str, idempotency_key: UUID) -> KnownRequest | None:
        for command in self.commands:
            if command.idempotency_key == idempotency_key and command.deploy_request is not None:
                tag, here = command.deploy_request.tag, command.watch == name
                return KnownRequest(
                    rollout_id=idempotency_key, same_target=here, what=f"{command.watch} {tag}", tag=tag if here else ""
                )
        return None

    async def check(self, name: str, *, by: str) -> int | None:
        self.checked.append(name)
        return 1 if name in self.names else None

    async def release(self, name: str, *, by: str, reason: str = "") -> Released | None:
        if self.outage is not None:
            raise self.outage
        self.reasons.append(reason)
        return self.released if name in self.names else None

    async def switch(self, *, paused: bool, by: str, reason: str = "") -> Sequence[int] | None:
        self.reasons.append(reason)
        changed, self.paused = self.paused != paused, paused
        return [1] if changed else None


@dataclass
class MemoryRolloutCommands:
    """Rollout commands for the rollouts in `ids`, recorded; by default that of SUMMARY."""

    ids: frozenset[UUID] = frozenset({SUMMARY.rollout_id})
    found: Underway | None = UNDERWAY
    known: RevertibleRollout | None = PAST
    canary_commands: list[tuple[CanaryCommand, str]] = field(default_factory=list)
    rollbacks: list[tuple[Destination, ...]] = field(default_factory=list)
    keys: list[UUID | None] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    superseded: bool = False
    outage: Exception | None = None

    async def underway(self, rollout_id: UUID) -> Underway | None:
        if self.outage is not None:
            raise self.outage
        return self.found if rollout_id in self.ids else None

    async def command_canaries(
        self, rollout_id: UUID, canary_command: CanaryCommand, *, by: str, reason: str = ""
    ) -> bool:
        self.reasons.append(reason)
        self.canary_commands.append((canary_command, by))
        return not self.superseded

    async def revertible(self, rollout_id: UUID) -> RevertibleRollout | None:
        if self.outage is not None:
            raise self.outage
        return self.known if rollout_id in self.ids else None

    async def known_request(self, rollout_id: UUID, idempotency_key: UUID) -> KnownRequest | None:
        if idempotency_key not in self.keys:
            return None
        return KnownRequest(
            rollout_id=idempotency_key, same_target=True, what=", ".join(each.what for each in self.rollbacks[-1])
        )

    async def roll_back(
        self,
        past: RevertibleRollout,
        destinations: Sequence[Destination],
        *,
        by: str,
        reason: str = "",
        idempotency_key: UUID | None = None,
    ) -> RollbackRequested | None:
        self.reasons.append(reason)
        if idempotency_key is not None and idempotency_key in self.keys:
            return RollbackRequested(rollout_id=idempotency_key)
        self.rollbacks.append(tuple(destinations))
        self.keys.append(idempotency_key)
        return (
            None
            if self.superseded
            else RollbackRequested(rollout_id=idempotency_key or UUID(int=8), notification_delivery_ids=(5,))
        )


@dataclass
class MemoryFeed:
    """A feed of the test's changes, to all streams or into one mailbox; `problem` is returned unchanged."""

    problem: str = ""
    mailboxes: list[Mailbox] = field(default_factory=list)

    def put(self, change: Change) -> None:
        for mailbox in self.mailboxes:
            mailbox.put(change)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[Change]]:
        mailbox = Mailbox()
        self.mailboxes.append(mailbox)
        if not self.problem:
            mailbox.put(Change(everything=True))
        try:
            yield mailbox
        finally:
            self.mailboxes.remove(mailbox)
