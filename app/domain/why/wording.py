"""The sentences for what became of a tag: why, and what would change it. Pure."""

from collections.abc import Mapping

from app.domain.decision import HoldReason
from app.domain.rollout import OutcomeKind
from app.domain.rule import MOST_ASKED
from app.domain.why.facts import Deed, TagFacts, WatchFacts
from app.domain.why.outcome import TagOutcome, Why

UNTIL: Mapping[HoldReason, str] = {
    HoldReason.UNUSABLE: "the job or the configuration is corrected",
    HoldReason.NO_MATCHING_TAG: "the registry has a tag that the rule desires",
    HoldReason.BUSY: "the rollout or deployment that is under way ends",
    HoldReason.FAILED_BEFORE: "a newer image is pushed, or a person releases the hold",
    HoldReason.UP_TO_DATE: "a newer image is pushed",
    HoldReason.STALLED: "its allocations run",
    HoldReason.AUTO_DEPLOY_OFF: "auto deploy is switched on",
    HoldReason.PAUSED: "everything is resumed",
    HoldReason.OBSERVE_ONLY: "observe_only is removed from the configuration",
    HoldReason.DRIFTED: "a newer image is pushed, or a person deploys or releases the hold",
    HoldReason.ROLLED_BACK: "a newer image is pushed, or a person deploys or releases the hold",
    HoldReason.DOWNGRADE: "a release above the running one is pushed, or a person deploys it",
    HoldReason.NOT_A_RELEASE: "the next release is pushed, or a person deploys it",
    HoldReason.FAILED_ELSEWHERE: "the hold of the other job is released, or the image succeeds there",
    HoldReason.QUEUED: "a slot is free",
}
"""What ends a hold, to follow the word "until"."""


def message(why: Why, watch: WatchFacts, tag: TagFacts) -> str:
    """Why the tag has this outcome, in a sentence that begins with the cause."""
    match why.outcome:
        case TagOutcome.UNKNOWN:
            return _unknown(why, watch, tag)
        case TagOutcome.DEPLOYING:
            return "a rollout of it is under way"
        case TagOutcome.RUNNING:
            others = sorted({each.tag or each.digest for each in watch.running} - {tag.tag})
            return f"it runs, beside {', '.join(others)}" if len(watch.running) > 1 and others else "it runs"
        case TagOutcome.SPECIFIED:
            return _specified(why, watch, tag)
        case TagOutcome.FAILED:
            return _failed(tag)
        case TagOutcome.HELD:
            return watch.decision.message if watch.decision is not None else ""
        case TagOutcome.RAN:
            return _ran(why, watch, tag)
        case TagOutcome.NEVER_FOUND:
            return _never_found(watch, tag)
        case TagOutcome.DELETED:
            return "the registry's list of tags has it no more"
        case TagOutcome.OTHER_PINNED:
            by = f" (by {watch.pinned.by})" if watch.pinned is not None and watch.pinned.by else ""
            return f"the rule stays on {why.other}{by}"
        case TagOutcome.NO_RELEASE:
            return why.unreleased.cause if why.unreleased is not None else "no release"
        case TagOutcome.NO_MANIFEST:
            return "the registry lists it, and has no manifest for it"
        case TagOutcome.PASSED_OVER:
            return _passed_over(why, tag)
        case _:  # lower
            runs = why.other in {each.tag for each in watch.running}
            return f"{why.other} is higher, and {'runs' if runs else 'is desired'}"


def fix(why: Why, watch: WatchFacts, tag: TagFacts) -> str:
    """What would deploy the tag; "" if it runs, or if nothing needs to be done."""
    pin = f'POST /tags/{watch.name} {{"pinned_tag": "{tag.tag}"}} deploys it'
    match why.outcome:
        case TagOutcome.NO_RELEASE if why.unreleased is not None and why.unreleased.instead:
            return f"push it as {why.unreleased.instead}, or pin it: {pin}"
        case TagOutcome.NO_RELEASE | TagOutcome.OTHER_PINNED | TagOutcome.PASSED_OVER | TagOutcome.LOWER:
            return f"pin it: {pin}"
        case TagOutcome.UNKNOWN if not why.was_asked:
            return f"pin it: {pin}"
        case TagOutcome.FAILED if tag.tag == watch.desired.tag:
            return f"push a newer image, or release the hold: POST /repos/{watch.name}/release-hold"
        case TagOutcome.FAILED | TagOutcome.RAN if tag.tag == watch.pinned_tag:
            return "push it"
        case TagOutcome.FAILED | TagOutcome.RAN if tag.is_listed:
            return f"pin it: {pin}"
        case TagOutcome.NO_MANIFEST | TagOutcome.DELETED | TagOutcome.NEVER_FOUND:
            return "push it"
        case _:
            return ""


def held_by(why: Why, watch: WatchFacts) -> Deed | None:
    """Who holds it, and since when; None if no person does, or if that is not known."""
    reason = reason_of(why, watch)
    of_reason = {
        HoldReason.AUTO_DEPLOY_OFF: watch.switched_off,
        HoldReason.PAUSED: watch.paused,
        HoldReason.ROLLED_BACK: watch.rolled_back,
    }
    return of_reason.get(reason) if reason is not None else None


def reason_of(why: Why, watch: WatchFacts) -> HoldReason | None:
    """The reason of the hold; None for any other outcome."""
    return watch.decision.reason if why.outcome is TagOutcome.HELD and watch.decision is not None else None


def _unknown(why: Why, watch: WatchFacts, tag: TagFacts) -> str:
    if not why.was_asked:
        asked = f"only the {MOST_ASKED} highest releases are asked for a manifest"
        return f"it was not asked for: {asked}, and none of them has one"
    if watch.first_checked_at is None:
        return "the repository was not checked yet"
    if watch.outage and not tag.is_listed:
        return f"its registry cannot be read: {watch.outage}"
    if tag.last_push is not None and not tag.last_push.is_settled:
        return f"a delivery of {tag.last_push.source} named it, and the registry does not show it yet"
    if tag.rollout is not None and tag.rollout.ended_at is not None and tag.tag == watch.desired.tag:
        return "its rollout has ended, and the next check tells what runs"
    if not tag.is_listed:
        return "the registry showed it, and no list of its tags had it"
    return "something changed since the last check, and the next one decides"


def _specified(why: Why, watch: WatchFacts, tag: TagFacts) -> str:
    """The decision about it says whether an allocation, or the next launch of the job, runs it."""
    if watch.decision is not None and watch.decision.tag == tag.tag:
        return watch.decision.message
    return f"the job specifies it, and {why.other} is desired" if why.other else "the job specifies it"


def _ran(why: Why, watch: WatchFacts, tag: TagFacts) -> str:
    if all(each.image.tag != tag.tag for each in watch.periods):
        return f"it was deployed, and {why.other} took its place" if why.other else "it was deployed"
    return f"{why.other} runs in its place" if why.other else "nothing runs in its place"


def _failed(tag: TagFacts) -> str:
    rollout = tag.rollout
    if rollout is not None and rollout.outcome is OutcomeKind.FAILED and rollout.reason:
        return rollout.reason
    return "it failed on this job, with this digest"


def _never_found(watch: WatchFacts, tag: TagFacts) -> str:
    if tag.last_push is not None:
        return f"a delivery of {tag.last_push.source} named it, and no list of the registry's tags had it"
    tells = (
        "a webhook tells of a push at once, and the poll finds it in the registry's list"
        if watch.has_webhooks
        else "no webhook ever named this repository, so that only the poll finds a push, in the registry's list"
    )
    return f"nothing on record names it; {tells}"


def _passed_over(why: Why, tag: TagFacts) -> str:
    rollout, decided = tag.rollout, tag.decision
    if rollout is not None and rollout.outcome is not None:
        ended = rollout.outcome.value.replace("_", " ")
        return f"{why.other} was newer when its rollout ended as {ended}: {rollout.reason}"
    if decided is not None and decided.reason is HoldReason.BUSY:
        return f"{why.other} was newer when the rollout before ended"
    if decided is not None and decided.reason is not None:
        return f"{why.other} was newer before it was deployed; until then: {decided.message}"
    return f"{why.other} was newer at the next check"
