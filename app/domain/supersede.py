"""When a request supersedes a target's active rollout, and which items of that one it keeps. Pure."""

from collections.abc import Set
from dataclasses import dataclass
from uuid import UUID

from app.domain.job import JobPatch, JobState
from app.domain.rollout import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedItem:
    """The part of a request for one watch; `tag` is "" for a bare digest. Without `forced`, tasks that run it stay."""

    watch: str
    tag: str
    digest: str
    forced: bool = False

    @property
    def label(self) -> str:
        """For people: the watch and its tag, or its digest if it has no tag."""
        return f"{self.watch} {self.tag or self.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A requested rollout. `by` is the actor; `undoes` is the rollout that it undoes or rolls back."""

    origin: Origin
    items: tuple[RequestedItem, ...]
    by: str = ""
    undoes: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRollout:
    """The one rollout of a target that has not ended; `submitted` is whether Nomad is known to have it."""

    rollout_id: UUID
    origin: Origin
    submitted: bool
    items: tuple[RequestedItem, ...]
    undoes: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """The rollout that supersedes the active one: its items, and why the active one ends."""

    items: tuple[RequestedItem, ...]
    reason: str


def replacement(active: ActiveRollout, request: Request) -> Replacement | None:
    """The rollout that supersedes the active one; None if the active one is already the request."""
    if _is_this(active, request):
        return None
    requested = {item.watch for item in request.items}
    kept = tuple(item for item in _left_over(active, request) if item.watch not in requested)
    did = "rolled back to" if request.origin.reverts else "asked for"
    what = ", ".join(item.label for item in request.items)
    return Replacement(items=(*kept, *request.items), reason=f"{request.by or 'a person'} {did} {what}")


def keeps_identity(origin: Origin, before: Set[tuple[str, str, str]], now: Set[tuple[str, str, str]]) -> bool:
    """Whether an active rollout keeps its id when a reconcile registers `now`; items are (watch, tag, digest).

    A rollout by a person or an undo keeps it while one of its watches is left; a rollout by the rule only if its items
    are the same.
    """
    if origin.is_explicit:
        return bool({watch for watch, _, _ in before} & {watch for watch, _, _ in now})
    return before == now


def drops_patch(
    origin: Origin, patch: JobPatch | None, *, registers: JobPatch | None, ends: bool, queued: bool
) -> bool:
    """Whether the active rollout loses its patch: a reconcile writes another patch, ends the rollout, or queues it.

    `registers` is the patch that the reconcile stores for the same rollout, None if it stores none.
    """
    if registers is not None:
        return registers != patch
    return ends or (queued and not origin.is_explicit)


def may_arrive(patch: JobPatch | None, job: JobState | None) -> bool:
    """Whether a frozen worker or a slow Nomad may still apply the patch: the job is still at the index that the patch
    expects."""
    return patch is not None and job is not None and job.index == patch.expected_index


def _is_this(active: ActiveRollout, request: Request) -> bool:
    if request.origin.reverts:
        items = {(item.watch, item.tag, item.digest) for item in active.items}
        desired = {(item.watch, item.tag, item.digest) for item in request.items}
        return active.origin is request.origin and active.undoes == request.undoes and items == desired
    return all(any(_is_requested(active, item, requested) for item in active.items) for requested in request.items)


def _is_requested(active: ActiveRollout, item: RequestedItem, requested: RequestedItem) -> bool:
    """Whether the active rollout already deploys what is asked for. Before its registration it still follows its tag.

    For a reset, any rollout that deploys it is enough; for a deploy, only a forced one that a person asked for.
    """
    if (item.watch, item.tag) != (requested.watch, requested.tag):
        return False
    follows_its_tag = not active.submitted and not active.origin.reverts
    if item.digest != requested.digest and not follows_its_tag:
        return False
    return not requested.forced or (active.origin.by_person and item.forced)


def _left_over(active: ActiveRollout, request: Request) -> tuple[RequestedItem, ...]:
    """Items that people asked for and that are not registered yet: the new rollout keeps those of other watches.

    A rollback keeps none. A deploy keeps none of a rollback: a rollback deploys a fixed digest, a deploy follows tags.
    """
    reverts = request.origin.reverts or active.origin.reverts
    return () if reverts or active.submitted or not active.origin.by_person else active.items
