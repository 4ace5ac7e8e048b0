"""Which image a watch gets back: by our undo after a failure, or by a person's rollback. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.domain.rollout import Origin, Outcome, OutcomeKind
from app.domain.supersede import RequestedItem

_DIGEST_SHOWN = len("sha256:") + 12
_RETURNS_TO = (OutcomeKind.SUCCEEDED, OutcomeKind.NEXT_LAUNCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A former image that may be restored: `tag` is "" for a bare digest, `digest` is "" if it is not known."""

    tag: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedItem:
    """The image that a failed rollout deployed for one watch, and the former images that may be restored.

    `before` is the image that ran before it. `succeeded` are the images of earlier successful rollouts of the job, the
    newest first. `held` are the digests that failed here and whose hold nobody released. `present`, `observe_only` and
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
    """What follows for the watches from the end of a rollout, beside the `outcome` that is stored and notified.

    `holds` records its digests as failed; `forgives` deletes such records. `undo` has the items of our undo, () if
    there is none. `adopts` accepts the job as the next reconcile finds it, because Nomad may have reverted it.
    `frees_slot` wakes the target that has waited longest.
    """

    outcome: Outcome
    holds: bool = False
    forgives: bool = False
    undo: tuple[RequestedItem, ...] = ()
    adopts: bool = False
    frees_slot: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertedItem:
    """What a rollout deployed to one watch, and the image `before` it, for the offer of a rollback.

    `specified` are the digests that its tasks specify now, `failed` the digests that failed on this job.
    """

    watch: str
    deployed: Candidate
    before: Candidate
    specified: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackOffer:
    """A rollback that a page offers: the `goal` as text, and whether an image of it `failed` on this job."""

    goal: str
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """A rollout that undid or rolled back another; `label` names its items, `ended` is whether it has ended."""

    rollout_id: UUID
    origin: Origin
    intent: int
    ended: bool
    label: str


def can_undo(*, reverted_to: int | None, completes: bool) -> bool:
    """Whether we undo a failure: Nomad does not (`reverted_to` is the version that Nomad reverts to), and the job is no
    batch that would repeat its work."""
    return reverted_to is None and not completes


def aftermath(outcome: Outcome, origin: Origin, failed: Iterable[FailedItem], *, paused: bool) -> Aftermath:
    """What follows from the end of a rollout of that origin.

    `failed` are its items if we may undo a failure; it is empty if Nomad reverts the job by itself. A rollback or undo
    is not undone: that could repeat for ever. An undo belongs to its rollout, so a pause (`paused`) does not stop it:
    the outcome says so.
    """
    if outcome.kind is OutcomeKind.SUCCEEDED:
        return Aftermath(outcome=outcome, forgives=True)
    if outcome.kind is not OutcomeKind.FAILED:
        return Aftermath(outcome=outcome, adopts=outcome.reverted_to is not None)
    undo = () if origin.reverts else tuple(_undone(failed))
    return Aftermath(
        outcome=with_next_steps(outcome, undo, paused=paused),
        holds=True,
        undo=undo,
        adopts=not undo,
        frees_slot=not undo,
    )


def with_next_steps(outcome: Outcome, undo: Collection[RequestedItem], *, paused: bool = False) -> Outcome:
    """The outcome. The reason of a failure also says what we restore, and that the failed digest is held."""
    if outcome.kind is not OutcomeKind.FAILED:
        return outcome
    what = ", ".join(item.label for item in undo)
    despite = ", although everything is paused: the undo belongs to this rollout" if paused else ""
    restored = f"; restoring {what}{despite}" if undo else ""
    held = "the failed digest is held: push a newer image, or release the hold"
    return replace(outcome, reason=f"{outcome.reason}{restored}; {held}")


def rolled_back_to(deployed: Candidate, before: Candidate, *, is_newest: bool) -> Candidate | None:
    """The image that a rollback restores for a watch: for the newest rollout the image `before` it, for an older one
    the image that it `deployed`. None if that is not known."""
    found = before if is_newest else deployed
    return found if found.digest else None


def goal(images: Iterable[tuple[str, Candidate]]) -> str:
    """For people: the tag that a rollback restores, or its digest; with the names of watches where these differ."""
    named = [(watch, image.tag or image.digest[:_DIGEST_SHOWN]) for watch, image in images]
    shown = {text for _, text in named}
    return shown.pop() if len(shown) == 1 else ", ".join(f"{watch} {text}" for watch, text in named)


def rollback_offer(
    items: Sequence[RevertedItem], *, origin: Origin, outcome: OutcomeKind | None, is_newest: bool, undone: bool
) -> RollbackOffer | None:
    """The rollback from a job's newest registered rollout, or to an older one; None if there is none to offer.

    `outcome` is None until the rollout has ended, and `undone` is whether another one undid it. An undo offers none:
    before it ran the image that failed. Neither does a rollout whose image the job specifies now. The command checks
    again.
    """
    if undone or outcome is None or (origin is Origin.UNDO if is_newest else outcome not in _RETURNS_TO):
        return None
    found = [(item, rolled_back_to(item.deployed, item.before, is_newest=is_newest)) for item in items]
    goals = [(item, to) for item, to in found if to is not None]
    if not found or len(goals) < len(found):
        return None
    failed = any(to.digest in item.failed for item, to in goals)
    if not failed and all(item.specified == {to.digest} for item, to in goals):
        return None
    return RollbackOffer(goal=goal((item.watch, to) for item, to in goals), failed=failed)


def running_digest(digests: Collection[str], failed: Collection[str], *, read_since: bool) -> str:
    """The digest that all tasks run. It is "" if the tasks differ, if the job was not read since the last rollout ended
    or if the digest failed here: the job may specify a failed digest, but does not run it."""
    found = set(digests)
    return found.pop() if read_since and len(found) == 1 and not found & set(failed) else ""


def undone_by_rollout(reversals: Iterable[Reversal], newest: UUID | None) -> Reversal | None:
    """The last rollout that undid or rolled back another, if it is under way or nothing was registered after it.

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
    """The image that ran before; if it failed itself, the last image that succeeded."""
    if not item.present or item.observe_only or not item.revert_on_failure:
        return None
    if item.before.digest == item.digest:  # a redeploy of the same digest has no former image
        return None
    known = (each for each in (item.before, *item.succeeded) if each.digest)
    return next((each for each in known if each.digest != item.digest and each.digest not in item.held), None)
