"""What a watch goes back to: by an undo of ours after a failure, or by a person's rollback. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from app.domain.rollout import Origin, Outcome, OutcomeKind
from app.domain.supersede import RequestedItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A tag and a digest that may be gone back to: `tag` is "" for a bare digest, `digest` when it is not known."""

    tag: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedItem:
    """What a failed rollout brought to one watch, and what may be gone back to.

    `before` is what ran before it, `succeeded` what earlier rollouts of the job brought with success, the newest first.
    `held` are the digests that failed here and that nobody released. `present`, `observe_only` and
    `revert_on_failure` are the watch's configuration now.
    """

    watch: str
    digest: str
    before: Candidate
    succeeded: tuple[Candidate, ...] = ()
    held: frozenset[str] = frozenset()
    present: bool = True
    observe_only: bool = False
    revert_on_failure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What the end of a rollout means for its watches, beside the `outcome` that is stored and told.

    `holds` keeps its digests as failed; `forgives` forgets that they failed; `undo` is what our undo brings, () when
    there is none. `adopts` takes the job as it is found: Nomad may have gone back by itself. `frees_slot` lets the
    target go next that waits longest.
    """

    outcome: Outcome
    holds: bool = False
    forgives: bool = False
    undo: tuple[RequestedItem, ...] = ()
    adopts: bool = False
    frees_slot: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """A rollout that took another one back; `label` says what it brings, `ended` whether it is over."""

    rollout_id: UUID
    origin: Origin
    intent: int
    ended: bool
    label: str


def takes_back(*, reverted_to: int | None, runs_to_completion: bool) -> bool:
    """Whether a failure is ours to take back: Nomad does not (`reverted_to` is the version that it goes back to), and
    the job is none that would do its work once more."""
    return reverted_to is None and not runs_to_completion


def aftermath(outcome: Outcome, origin: Origin, failed: Iterable[FailedItem], *, paused: bool) -> Aftermath:
    """What follows from the end of a rollout of that origin.

    `failed` is what it brought, where a failure is ours to take back: nothing where Nomad goes back by itself. What
    goes back itself is not taken back: that would go on for ever. Nothing is while everything is paused.
    """
    if outcome.kind is OutcomeKind.SUCCEEDED:
        return Aftermath(outcome=outcome, forgives=True)
    if outcome.kind is not OutcomeKind.FAILED:
        return Aftermath(outcome=outcome)
    undo = () if origin.reverts or paused else tuple(_undone(failed))
    return Aftermath(outcome=told(outcome, undo), holds=True, undo=undo, adopts=not undo, frees_slot=not undo)


def told(outcome: Outcome, undo: Collection[RequestedItem]) -> Outcome:
    """The outcome; of a failure it says what we go back to, and that what failed is held."""
    if outcome.kind is not OutcomeKind.FAILED:
        return outcome
    what = ", ".join(item.label for item in undo)
    back = f"; going back to {what}" if undo else ""
    return replace(outcome, reason=f"{outcome.reason}{back}; what failed is held: release it, or push something newer")


def rolled_back_to(brought: Candidate, before: Candidate, *, is_newest: bool) -> Candidate | None:
    """What a rollback brings to a watch: from the newest rollout what ran before it, else what that rollout brought.

    None where that is not known.
    """
    found = before if is_newest else brought
    return found if found.digest else None


def running_digest(digests: Collection[str], failed: Collection[str], *, read_since: bool) -> str:
    """The digest that all tasks run, "" where that is not known: they differ, or the job was not read since the last
    rollout ended. What failed here may stand in the job, but it does not run."""
    found = set(digests)
    return found.pop() if read_since and len(found) == 1 and not found & set(failed) else ""


def undone_by_rollout(reversals: Iterable[Reversal], newest: UUID | None) -> Reversal | None:
    """The last rollout that took another one back: it is under way, or nothing was registered after it.

    `newest` is the rollout of the job that was registered last.
    """
    found = (each for each in reversals if each.origin.reverts and (not each.ended or each.rollout_id == newest))
    return max(found, key=lambda each: each.intent, default=None)


def _undone(failed: Iterable[FailedItem]) -> Iterable[RequestedItem]:
    for each in failed:
        found = _good_before(each)
        if found is not None:
            yield RequestedItem(watch=each.watch, tag=found.tag, digest=found.digest)


def _good_before(item: FailedItem) -> Candidate | None:
    """What ran before, unless it failed itself: then what succeeded last."""
    if not item.present or item.observe_only or not item.revert_on_failure:
        return None
    if item.before.digest == item.digest:  # a redeploy of what ran has nothing to go back to
        return None
    known = (each for each in (item.before, *item.succeeded) if each.digest)
    return next((each for each in known if each.digest != item.digest and each.digest not in item.held), None)
