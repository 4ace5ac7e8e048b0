"""The store of followed namespaces: who follows which, up to where, and what it found. The lease fences every write.

Any number of processes follow: each namespace is followed by one of them at a time, and another takes over within
seconds when that one dies or freezes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from app.domain.job_change import JobIndexes, Namespace, Registering


class FollowingLost(Exception):
    """Another process follows the namespace now; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedNamespace:
    """A namespace under lease. `heard_index` is Nomad's index up to which all changes were seen, 0 before the first."""

    namespace: Namespace
    token: UUID
    heard_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What a follower reports of its namespace: whether events come, and up to which index it has seen all."""

    streaming: bool
    heard_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedTarget:
    """A watched job: its target, and the open rollout of ours whose patch is written, None without one."""

    target_id: int
    rollout: Registering | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTarget:
    """A watched job as it was read last."""

    target_id: int
    indexes: JobIndexes


class Namespaces(Protocol):
    """The store. All methods raise StoreUnavailable; those that take a lease raise FollowingLost."""

    async def keep(self) -> None:
        """Keep the namespaces that a watch names, and no others."""
        ...

    async def tend(
        self, held: Mapping[UUID, Following], lease_seconds: float, *, most: int
    ) -> Sequence[LeasedNamespace]:
        """Renew the leases of these tokens, and take some that nobody has, so that this process has `most` at most;
        returns all that it has now."""
        ...

    async def release(self, tokens: Sequence[UUID]) -> None:
        """Let another process take over at once."""
        ...

    async def targets(self, namespace: Namespace, job_ids: Sequence[str]) -> Mapping[str, WatchedTarget]:
        """Those of the jobs that a watch names, by job."""
        ...

    async def read_targets(self, namespace: Namespace) -> Mapping[str, ReadTarget]:
        """All watched jobs of the namespace that were read at least once, by job."""
        ...

    async def make_due(self, lease: LeasedNamespace, target_ids: Sequence[int]) -> None:
        """Make the targets due: their jobs are read. It waits for no lock on their rows."""
        ...

    async def streaming(self, lease: LeasedNamespace, heard_index: int) -> Sequence[int]:
        """Events come, and all up to this index was seen: an outage or a refusal is over. Returns the targets that an
        outage of Nomad held back, which are due now."""
        ...

    async def refused(self, lease: LeasedNamespace, problem: str) -> bool:
        """Nomad answers and sends no events. Returns whether this is news."""
        ...

    async def unavailable(self, lease: LeasedNamespace, problem: str, *, since: float) -> Sequence[int]:
        """Nomad does not answer, for `since` seconds. Returns the notifications to send: one for each outage."""
        ...
