"""The ports of the services: Protocols with domain types in and out. Only Nomad is named as a product.

Every implementation passes the contract suite of its port in tests/contract. The Protocol of a store is in the module
of the service that uses it.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from app.domain.deployment import Diagnosis, Snapshot, WaitIndex
from app.domain.job import JobPatch, JobState, Preview, Submission
from app.domain.job_change import JobList, JobSignal, Namespace
from app.domain.message import Message
from app.domain.reference import Repository
from app.domain.watch import JobPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a tag names: the digest that the registry returns if all four manifest types are accepted; its media type.

    `media_type` is "" if the registry only confirmed that the digest is unchanged (304).
    """

    digest: str
    media_type: str
    is_index: bool


class RegistrySource(Protocol):
    """Reads registries. `registry` is a name of the configuration's registry_map; its credentials never leave it.

    All methods raise RegistryUnavailable (with retry_after if the registry sent one), RegistryDenied, or
    RepositoryNotFound. For most registries, a repository without any push is RepositoryNotFound.
    """

    async def tags(self, registry: str, repository: Repository) -> tuple[str, ...]:
        """Every tag, each once, in no particular order; a failing later page fails the whole listing."""
        ...

    async def manifest(
        self, registry: str, repository: Repository, reference: str, *, known: str | None = None
    ) -> Manifest:
        """The manifest that a tag or digest names now; TagNotFound if there is none.

        `known` is a digest found before: it makes the request conditional, which costs the registry less.
        """
        ...

    async def children(self, registry: str, repository: Repository, digest: str) -> frozenset[str]:
        """The digests that the index `digest` lists; empty for a manifest that is not an index."""
        ...


class Deployer(Protocol):
    """Reads and changes Nomad jobs. Raises NomadUnavailable, NomadDenied, and the errors that each method names."""

    async def inspect(self, place: JobPlace) -> JobState | None:
        """The job now, or None if it does not exist."""
        ...

    async def preview(self, place: JobPlace, patch: JobPatch) -> Preview:
        """What registering `patch` would change; nothing is changed. Raises JobChanged, JobRejected."""
        ...

    async def submit(self, place: JobPlace, patch: JobPatch) -> Submission:
        """Change only what `patch` names, by check-and-set, after a plan if the token may plan.

        Raises JobChanged (somebody else registered first; nothing of ours was applied), JobRejected (Nomad refuses the
        specification, or its plan changes more than the patch names), OutcomeUnknown (the answer was lost, and reading
        the job could not settle it).
        """
        ...

    async def recover(self, place: JobPlace, patch: JobPatch) -> Submission | None:
        """The Submission of a patch that may have been applied; None if the job is still as it was at
        `expected_index`. Raises JobChanged if the job is at another version."""
        ...

    async def observe(self, place: JobPlace, submission: Submission, *, deployment_id: str = "") -> Snapshot:
        """The state of the registration now; never waits. `deployment_id` is its deployment if an earlier call found
        it: the call costs less then."""
        ...

    async def wait_for_change(self, place: JobPlace, wait_index: WaitIndex, *, within: float) -> None:
        """Return once the subject of `wait_index` has changed, or may have, since that index; after `within` seconds
        at the latest. Holds no thread, and few connections for any number of waits. Raises only CancelledError."""
        ...

    async def find_auto_revert(self, place: JobPlace, submission: Submission) -> Submission | None:
        """The registration by which Nomad's auto-revert replaced our failed one; None if there is none (yet)."""
        ...

    async def find_successor(self, place: JobPlace, submission: Submission, patch: JobPatch) -> Submission | None:
        """The registration by which somebody else replaced ours, if the job still has the images of the patch; None if
        it has others, or if nobody registered it again."""
        ...

    async def diagnose(self, place: JobPlace, submission: Submission) -> Diagnosis:
        """Why our registration does not run, with the last log lines of its failed tasks if the token may read them."""
        ...

    async def promote(self, place: JobPlace, deployment_id: str) -> None:
        """Promote all canaries of an active deployment. Raises JobRejected with Nomad's message if Nomad refuses."""
        ...

    async def fail(self, place: JobPlace, deployment_id: str) -> None:
        """Mark an active deployment as failed, as a person would. Raises JobRejected if it has ended already."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBatch:
    """What one index of Nomad changed; a heartbeat has index 0 and no changes.

    `unreadable` means that something changed and nobody can say of which job.
    """

    index: int = 0
    changes: tuple[JobSignal, ...] = ()
    unreadable: bool = False


class JobChanges(Protocol):
    """Tells of changes of jobs. All methods raise NomadUnavailable, and NomadDenied if the token may not."""

    def batches(self, namespace: Namespace, *, since: int) -> AsyncGenerator[ChangeBatch, None]:
        """Batches as they happen, without end; the first comes at once. Close it with `aclosing`.

        The stream begins at index `since` if Nomad still has it, otherwise later, and with the newest batch for 0: only
        a batch with the very index `since` proves that nothing is missing. NomadDenied if Nomad answers and sends no
        events. NomadUnavailable when the stream ends for any reason.
        """
        ...

    async def listed(self, namespace: Namespace) -> JobList:
        """All jobs of the namespace with their indexes."""
        ...

    async def sign_of_life(self, namespace: Namespace, *, index: int) -> int:
        """Wait a few seconds at Nomad and return the index for the next call; 0 does not wait. A Nomad that hangs is
        NomadUnavailable within seven seconds."""
        ...


class Channel(Protocol):
    """Sends messages to people. Raises Transient if it may work later, Permanent if it never will."""

    async def send(self, message: Message) -> None:
        """Send one message, once; sending it again is the caller's decision."""
        ...


class Waker(Protocol):
    """Wakes a worker. A lost wake-up costs latency only: the sweeper wakes again for rows overdue in Postgres."""

    def wake(self, actor: str, key: str, *, delay: float = 0.0) -> None:
        """Have the Dramatiq actor `actor` handle the row `key` after `delay` seconds. Never blocks, never raises."""
        ...
