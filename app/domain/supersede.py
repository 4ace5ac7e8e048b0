"""When a request takes the place of a target's active rollout, and what of that one goes along. Pure."""

from collections.abc import Set
from dataclasses import dataclass
from uuid import UUID

from app.domain.job import JobPatch, JobState
from app.domain.rollout import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedItem:
    """What a request brings to one watch; `tag` is "" for a bare digest. `forced` False leaves alone what runs it."""

    watch: str
    tag: str
    digest: str
    forced: bool = False

    @property
    def label(self) -> str:
        """For people: the watch and its tag, or its digest where there is none."""
        return f"{self.watch} {self.tag or self.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A rollout that is asked for. `by` is the actor, `undoes` the rollout that it takes back."""

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
    """The rollout that takes the place of the active one: what it brings, and why the active one ends."""

    items: tuple[RequestedItem, ...]
    reason: str


def replacement(active: ActiveRollout, request: Request) -> Replacement | None:
    """The rollout that supersedes the active one; None when that is just what is asked for."""
    if _is_this(active, request):
        return None
    asked = {item.watch for item in request.items}
    kept = tuple(item for item in _left_over(active, request) if item.watch not in asked)
    did = "went back to" if request.origin.reverts else "asked for"
    what = ", ".join(item.label for item in request.items)
    return Replacement(items=(*kept, *request.items), reason=f"{request.by or 'a person'} {did} {what}")


def keeps_identity(origin: Origin, before: Set[tuple[str, str, str]], now: Set[tuple[str, str, str]]) -> bool:
    """Whether an active rollout stays itself when a reconcile registers `now`; items are (watch, tag, digest).

    What a person or an undo ordered stays itself while it does any of it; a rollout of the rule while it is the same.
    """
    if origin.is_explicit:
        return bool({watch for watch, _, _ in before} & {watch for watch, _, _ in now})
    return before == now


def drops_patch(origin: Origin, patch: JobPatch | None, *, registers: JobPatch | None, ends: bool, waits: bool) -> bool:
    """Whether a reconcile leaves the active rollout without its patch: by another one, by its end, or since it waits.

    `registers` is the patch that the reconcile writes down for the same rollout, None when it writes none.
    """
    if registers is not None:
        return registers != patch
    return ends or (waits and not origin.is_explicit)


def may_arrive(patch: JobPatch | None, job: JobState | None) -> bool:
    """Whether the patch may be applied yet, by a worker that was frozen or a Nomad that is slow: the job still is at
    the index that it expects."""
    return patch is not None and job is not None and job.index == patch.expected_index


def _is_this(active: ActiveRollout, request: Request) -> bool:
    if request.origin.reverts:
        brings = {(item.watch, item.tag, item.digest) for item in active.items}
        desired = {(item.watch, item.tag, item.digest) for item in request.items}
        return active.origin is request.origin and active.undoes == request.undoes and brings == desired
    return all(any(_brings(active, item, asked) for item in active.items) for asked in request.items)


def _brings(active: ActiveRollout, item: RequestedItem, asked: RequestedItem) -> bool:
    """Whether the active rollout brings just this: what is not registered yet still follows its tag.

    A reset is content with any rollout that brings it; a deploy only with one that a person asked for, as strongly.
    """
    if (item.watch, item.tag) != (asked.watch, asked.tag):
        return False
    follows_its_tag = not active.submitted and not active.origin.reverts
    if item.digest != asked.digest and not follows_its_tag:
        return False
    return not asked.forced or (active.origin.by_person and item.forced)


def _left_over(active: ActiveRollout, request: Request) -> tuple[RequestedItem, ...]:
    """What people asked for other watches, and Nomad has not heard of yet.

    Nothing goes along with a rollback. A rollback does not go along with a deploy either: it brings a digest whatever
    its tag shows now, and a deploy follows tags.
    """
    reverts = request.origin.reverts or active.origin.reverts
    return () if reverts or active.submitted or not active.origin.by_person else active.items
