"""The kinds of timeline entries, and their sentences. Pure; a store reads the entries."""

from collections.abc import Mapping
from enum import StrEnum

from app.domain.drift import DriftedImage, described
from app.domain.event import EventAction
from app.domain.rollout import Origin


class EntryKind(StrEnum):
    """What a timeline entry is about."""

    WEBHOOK = "webhook"
    DECISION = "decision"
    ROLLOUT = "rollout"
    OUTCOME = "outcome"
    COMMAND = "command"
    DRIFT = "drift"


class FoundBy(StrEnum):
    """How a digest was first found; UNKNOWN if it ran before our first reconcile, or its record was deleted."""

    WEBHOOK = "webhook"
    POLL = "poll"
    UNKNOWN = ""


_ACTIONS: Mapping[EventAction, str] = {EventAction.PUSH: "pushed", EventAction.DELETE: "deleted"}

_ROLLOUTS: Mapping[Origin, str] = {
    Origin.RULE: "the rule deploys {what}",
    Origin.DEPLOY: "deploys {what}",
    Origin.RESET: "resets to {what}",
    Origin.ROLLBACK: "rolls back to {what}",
    Origin.UNDO: "restores {what}, because the rollout after it failed",
}


def finder(found_by: FoundBy, *, is_first: bool, origin: Origin | None) -> FoundBy:
    """Who found the digest that caused a decision; UNKNOWN for a decision that had another cause.

    Only the first decision about a digest follows from its discovery. `origin` is that of the decision's rollout, None
    without one: a decision that a person or an undo asked for follows from that.
    """
    return found_by if is_first and (origin is None or not origin.is_explicit) else FoundBy.UNKNOWN


def event_message(action: EventAction, *, path: str, tag: str) -> str:
    """The sentence for an event that a registry sent."""
    return f"{_ACTIONS[action]} {path}:{tag}"


def drift_message(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The sentence for a change of images that was not ours; both map "group/task" to an image."""
    changes = [DriftedImage(task=task, before=image, after=after.get(task, "")) for task, image in before.items()]
    return f"the image was changed outside, {described(changes)}"


def rollout_message(origin: Origin, *, tag: str, digest: str, cause: str) -> str:
    """The sentence for a requested rollout; `cause` is why the rule asked for it, "" if that is not known."""
    message = _ROLLOUTS[origin].format(what=tag or digest)
    return f"{message}: {cause}" if origin is Origin.RULE and cause else message
