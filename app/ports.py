"""What the services need from the world: Protocols with domain types in and out. Nothing here names a product.

Every implementation passes the contract suite of its port in tests/contract. The Protocol of a store stands
beside the service that uses it.
"""

from dataclasses import dataclass
from typing import Protocol

from app.domain.deployment import Diagnosis, Snapshot, WaitIndex
from app.domain.job import JobPatch, JobState, Preview, Submission
from app.domain.message import Message
from app.domain.reference import Repository
from app.domain.watch import JobPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a tag points at: the digest the registry answers with all four manifest types accepted, and its media type.

    `media_type` is "" when the registry only confirmed that the digest is unchanged (304).
    """

    digest: str
    media_type: str
    is_index: bool


class RegistrySource(Protocol):
    """Reads registries. `registry` is a name of the configuration's registry_map; its credentials never leave it.

    All methods raise RegistryUnavailable (with retry_after when the registry said so), RegistryDenied, or
    RepositoryNotFound. A repository that never had a push is RepositoryNotFound for most registries.
    """

    async def tags(self, registry: str, repository: Repository) -> tuple[str, ...]:
        """Every tag, each once, in no order to rely on; a failing later page fails the whole listing."""
        ...

    async def manifest(
        self, registry: str, repository: Repository, reference: str, *, known: str | None = None
    ) -> Manifest:
        """The manifest that a tag or digest names now; TagNotFound when there is none.

        `known` is a digest seen before: it makes the request conditional, and costs the registry less.
        """
        ...

    async def children(self, registry: str, repository: Repository, digest: str) -> frozenset[str]:
        """The digests that the index `digest` lists; empty for a manifest that is no index."""
        ...


class Deployer(Protocol):
    """Reads and changes Nomad jobs. Raises NomadUnavailable, NomadDenied, and what each method names."""

    async def inspect(self, place: JobPlace) -> JobState | None:
        """The job as it is now, or None when it is not there."""
        ...

    async def preview(self, place: JobPlace, patch: JobPatch) -> Preview:
        """What registering `patch` would change; nothing is changed. Raises JobChanged, JobRejected."""
        ...

    async def submit(self, place: JobPlace, patch: JobPatch) -> Submission:
        """Change only what `patch` names, by check-and-set, after a plan where the token may plan.

        Raises JobChanged (somebody else was first; nothing of ours was applied), JobRejected (Nomad refuses the
        specification, or its plan would change what the patch does not name), OutcomeUnknown (the answer was lost, and
        reading back could not settle it).
        """
        ...

    async def recover(self, place: JobPlace, patch: JobPatch) -> Submission | None:
        """What became of a patch that may or may not have been applied: its Submission, or None when the job is as
        it was at `expected_index`. Raises JobChanged when the job moved on to something else."""
        ...

    async def observe(self, place: JobPlace, submission: Submission, *, deployment_id: str = "") -> Snapshot:
        """One short look at how the registration goes; never waits. `deployment_id` is its deployment when an earlier
        look saw it: the look is cheaper then."""
        ...

    async def wait_for_change(self, place: JobPlace, wait_index: WaitIndex, *, within: float) -> None:
        """Return when what `wait_index` names has, or may have, changed since it was seen, at the latest after `within`
        seconds. Holds no thread, and few connections however many wait. Raises nothing but CancelledError."""
        ...

    async def find_auto_revert(self, place: JobPlace, submission: Submission) -> Submission | None:
        """What Nomad's auto-revert registered in the place of our failed registration; None when there is nothing
        (yet)."""
        ...

    async def diagnose(self, place: JobPlace, submission: Submission) -> Diagnosis:
        """Why our registration does not run, with what its failed tasks wrote last, as far as the token may read."""
        ...

    async def promote(self, place: JobPlace, deployment_id: str) -> None:
        """Promote all canaries of an active deployment. Raises JobRejected with Nomad's words when it may not be."""
        ...

    async def fail(self, place: JobPlace, deployment_id: str) -> None:
        """Mark an active deployment as failed, as a person would. Raises JobRejected when it is over already."""
        ...


class Channel(Protocol):
    """Tells people. Raises Transient when it may work later, Permanent when it never will."""

    async def send(self, message: Message) -> None:
        """Send one message, once; sending it again is the caller's decision."""
        ...


class Waker(Protocol):
    """Wakes a worker. Losing a ring costs latency only: the sweeper rings again what is overdue in Postgres."""

    def wake(self, actor: str, key: str, *, delay: float = 0.0) -> None:
        """Ask that `actor` handles the row `key` after `delay` seconds. Never blocks, never raises."""
        ...
