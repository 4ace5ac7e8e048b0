"""Exactly one outcome for a tag, from stored facts: the first that fits. Pure; wording.py has its sentences."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.decision import HoldReason
from app.domain.history import Image
from app.domain.rollout import OutcomeKind
from app.domain.rule import Release, asked_releases, counts_with_v, highest_of, highest_tag, release
from app.domain.unreleased import NoRelease, classify
from app.domain.why.facts import RunningPeriod, TagFacts, WatchFacts

_TAKES_EFFECT = frozenset({OutcomeKind.SUCCEEDED, OutcomeKind.NEXT_LAUNCH})


class TagOutcome(StrEnum):
    """What became of a tag. The order is that of the question: the first that fits is the answer."""

    UNKNOWN = "unknown"
    DEPLOYING = "deploying"
    RUNNING = "running"
    SPECIFIED = "specified"
    FAILED = "failed"
    HELD = "held"
    RAN = "ran"
    NEVER_FOUND = "never_found"
    DELETED = "deleted"
    OTHER_PINNED = "other_pinned"
    NO_RELEASE = "no_release"
    NO_MANIFEST = "no_manifest"
    PASSED_OVER = "passed_over"
    LOWER = "lower"


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The outcome of a tag, with what its sentence needs.

    `since` and `until` are when the outcome began and ended, if it has such times. `other` is the tag that is in its
    place: the one that followed it, passed it over, is higher, is pinned, or is desired. `unreleased` is why it is no
    release. `was_asked` is False for a listed release below those that were asked for a manifest.
    """

    outcome: TagOutcome
    since: datetime | None = None
    until: datetime | None = None
    other: str = ""
    unreleased: NoRelease | None = None
    was_asked: bool = True


def why(watch: WatchFacts, tag: TagFacts) -> Why:
    """The outcome of the tag for the watch."""
    found = (rule(watch, tag) for rule in _RULES)
    return next((each for each in found if each is not None), _lower(watch, tag))


def _not_checked(watch: WatchFacts, _tag: TagFacts) -> Why | None:
    return Why(outcome=TagOutcome.UNKNOWN) if watch.first_checked_at is None else None


def _deploying(_watch: WatchFacts, tag: TagFacts) -> Why | None:
    if tag.rollout is None or tag.rollout.outcome is not None:
        return None
    return Why(outcome=TagOutcome.DEPLOYING, since=tag.rollout.created_at)


def _running(watch: WatchFacts, tag: TagFacts) -> Why | None:
    for each in watch.periods:
        if each.ended_at is None and _is_image_of(watch, tag, each.image):
            return Why(outcome=TagOutcome.RUNNING, since=_began(watch, each))
    return None


def _is_image_of(watch: WatchFacts, tag: TagFacts, image: Image) -> bool:
    """Whether the image is the tag at its last known digest. A task may run a child of the desired index."""
    digest = _digest(watch, tag)
    if not digest or not image.digest:
        return image.tag == tag.tag
    return image.digest == digest or (image.tag == tag.tag and _is_up_to_date(watch, tag))


def _digest(watch: WatchFacts, tag: TagFacts) -> str:
    """The digest that the registry showed last for the tag."""
    return watch.desired.digest if tag.tag == watch.desired.tag else tag.digest


def _is_up_to_date(watch: WatchFacts, tag: TagFacts) -> bool:
    decided = watch.decision
    return decided is not None and decided.reason is HoldReason.UP_TO_DATE and decided.tag == tag.tag


def _ended_just_now(watch: WatchFacts, tag: TagFacts) -> Why | None:
    """A rollout of the tag that ended after the last decision: only the next reconcile tells what followed."""
    ended = tag.rollout.ended_at if tag.rollout is not None else None
    if ended is None or watch.decision is None or watch.decision.last_at >= ended:
        return None
    return Why(outcome=TagOutcome.UNKNOWN, since=ended)


def _specified(watch: WatchFacts, tag: TagFacts) -> Why | None:
    """The job specifies it and nothing is to be done, although no allocation runs it: none is wanted."""
    if not _is_up_to_date(watch, tag) or watch.decision is None or watch.awaits_check:
        return None
    return Why(outcome=TagOutcome.SPECIFIED, since=watch.decision.first_at)


def _held_as_failed(watch: WatchFacts, tag: TagFacts) -> Why | None:
    digest = _digest(watch, tag)
    return Why(outcome=TagOutcome.FAILED, since=watch.failed[digest]) if digest in watch.failed else None


def _failed(watch: WatchFacts, tag: TagFacts) -> Why | None:
    """Its last rollout failed, its hold was released since, and it did not run after that."""
    rollout, digest = tag.rollout, _digest(watch, tag)
    if rollout is None or rollout.outcome is not OutcomeKind.FAILED or tag.tag == watch.desired.tag:
        return None
    if digest not in ("", rollout.digest) or _ran_after(watch, tag, rollout.ended_at):
        return None
    return Why(outcome=TagOutcome.FAILED, since=rollout.ended_at)


def _ran_after(watch: WatchFacts, tag: TagFacts, at: datetime | None) -> bool:
    return any(each.image.tag == tag.tag and at is not None and each.began_at > at for each in watch.periods)


def _held(watch: WatchFacts, tag: TagFacts) -> Why | None:
    if tag.tag != watch.desired.tag:
        return None
    if watch.decision is None or watch.decision.reason is None or watch.awaits_check:
        return Why(outcome=TagOutcome.UNKNOWN)
    return Why(outcome=TagOutcome.HELD, since=watch.decision.first_at)


def _ran(watch: WatchFacts, tag: TagFacts) -> Why | None:
    its_own = [each for each in watch.periods if each.image.tag == tag.tag]
    if not its_own:
        return None
    last = its_own[0]
    until = last.ended_at
    later = [each for each in watch.periods if until is not None and (each.ended_at is None or each.ended_at > until)]
    other = min(later, key=lambda each: each.began_at).image.tag if later else ""
    return Why(outcome=TagOutcome.RAN, since=_began(watch, last), until=until, other=other)


def _deployed(watch: WatchFacts, tag: TagFacts) -> Why | None:
    """Its rollout took effect, and no check saw an allocation of it: launches of the job run it, or it completed."""
    rollout = tag.rollout
    if rollout is None or rollout.outcome not in _TAKES_EFFECT:
        return None
    specified = {each.tag for each in watch.specified}
    if tag.tag in specified:
        return Why(outcome=TagOutcome.SPECIFIED, since=rollout.ended_at, other=watch.desired.tag)
    return Why(
        outcome=TagOutcome.RAN, since=rollout.ended_at, other=highest_tag(specified) or min(specified, default="")
    )


def _began(watch: WatchFacts, period: RunningPeriod) -> datetime | None:
    """When the period began; None if that was before the first reconcile."""
    return period.began_at if period.began_at != watch.first_checked_at else None


def _absent(watch: WatchFacts, tag: TagFacts) -> Why | None:
    """The last list lacks it. Only lists say that a tag was deleted: an event, or one answer, does not."""
    if tag.is_listed:
        return None
    if tag.absent_since is not None:
        return Why(outcome=TagOutcome.DELETED, since=tag.absent_since)
    if watch.outage or tag.digests or (tag.last_push is not None and not tag.last_push.is_settled):
        return Why(outcome=TagOutcome.UNKNOWN)
    if tag.listed_at is not None:
        return Why(outcome=TagOutcome.DELETED)
    return Why(outcome=TagOutcome.NEVER_FOUND)


def _other_pinned(watch: WatchFacts, tag: TagFacts) -> Why | None:
    if watch.pinned_tag in ("", tag.tag):
        return None
    since = watch.pinned.at if watch.pinned is not None else None
    return Why(outcome=TagOutcome.OTHER_PINNED, since=since, other=watch.pinned_tag)


def _pinned(watch: WatchFacts, tag: TagFacts) -> Why | None:
    """A pinned tag that is listed would be desired, had it a manifest."""
    if tag.tag != watch.pinned_tag:
        return None
    return Why(outcome=TagOutcome.UNKNOWN if watch.awaits_check else TagOutcome.NO_MANIFEST)


def _no_release(watch: WatchFacts, tag: TagFacts) -> Why | None:
    unreleased = classify(tag.tag, counts_with_v(watch.tags, _specified_tag(watch)))
    return Why(outcome=TagOutcome.NO_RELEASE, unreleased=unreleased) if unreleased is not None else None


def _specified_tag(watch: WatchFacts) -> str | None:
    return highest_tag(each.tag for each in watch.specified)


def _no_manifest(watch: WatchFacts, tag: TagFacts) -> Why | None:
    """A release above the desired one would be desired, had it a manifest. If none is desired, only the highest were
    asked for one."""
    mine, desired = release(tag.tag), release(watch.desired.tag)
    if mine is None or (desired is not None and desired.version > mine.version):
        return None
    if watch.awaits_check:
        return Why(outcome=TagOutcome.UNKNOWN)
    if desired is None and tag.tag not in asked_releases(watch.tags, _specified_tag(watch)):
        return Why(outcome=TagOutcome.UNKNOWN, was_asked=False)
    return Why(outcome=TagOutcome.NO_MANIFEST)


def _passed_over(watch: WatchFacts, tag: TagFacts) -> Why | None:
    """It was higher than what ran when it became known, and a higher one took its place before it ran."""
    mine, at = release(tag.tag), tag.known_at or watch.first_checked_at
    ran_then = highest_of(each.image.tag for each in watch.periods if at is not None and _covers(each, at))
    if mine is None or ran_then is None or ran_then.version >= mine.version:
        return None
    later = [each.image.tag for each in reversed(watch.periods) if at is not None and each.began_at > at]
    higher = [each for each in (*later, watch.desired.tag) if _is_above(release(each), mine)]
    return Why(outcome=TagOutcome.PASSED_OVER, other=higher[0])


def _covers(period: RunningPeriod, at: datetime) -> bool:
    return period.began_at <= at and (period.ended_at is None or period.ended_at > at)


def _is_above(found: Release | None, mine: Release) -> bool:
    return found is not None and found.version > mine.version


def _lower(watch: WatchFacts, tag: TagFacts) -> Why:
    mine = release(tag.tag)
    runs = highest_of(each.tag for each in watch.running)
    above = runs is not None and mine is not None and runs.version > mine.version
    return Why(outcome=TagOutcome.LOWER, other=runs.tag if runs is not None and above else watch.desired.tag)


_Rule = Callable[[WatchFacts, TagFacts], Why | None]

_RULES: tuple[_Rule, ...] = (
    _not_checked,
    _deploying,
    _held_as_failed,
    _running,
    _ended_just_now,
    _specified,
    _failed,
    _held,
    _ran,
    _deployed,
    _absent,
    _other_pinned,
    _pinned,
    _no_release,
    _no_manifest,
    _passed_over,
)
