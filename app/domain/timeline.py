"""What a line of history is about, and its sentence. Pure; the lines themselves are read by a store."""

from collections.abc import Mapping
from enum import StrEnum

from app.domain.event import EventAction
from app.domain.rollout import Origin


class EntryKind(StrEnum):
    """What an entry of a timeline tells of."""

    WEBHOOK = "webhook"
    DECISION = "decision"
    ROLLOUT = "rollout"
    OUTCOME = "outcome"
    COMMAND = "command"


class FoundBy(StrEnum):
    """How a digest was first found; UNKNOWN for one that ran before we came, or that is forgotten."""

    WEBHOOK = "webhook"
    POLL = "poll"
    UNKNOWN = ""


_ACTIONS: Mapping[EventAction, str] = {EventAction.PUSH: "pushed", EventAction.DELETE: "deleted"}

_ROLLOUTS: Mapping[Origin, str] = {
    Origin.RULE: "the rule brings {what}",
    Origin.DEPLOY: "deploys {what}",
    Origin.RESET: "resets to {what}",
    Origin.ROLLBACK: "goes back to {what}",
    Origin.UNDO: "goes back to {what}, since what followed it failed",
}


def event_message(action: EventAction, *, path: str, tag: str) -> str:
    """The sentence for an event that a registry sent."""
    return f"{_ACTIONS[action]} {path}:{tag}"


def rollout_message(origin: Origin, *, tag: str, digest: str, cause: str) -> str:
    """The sentence for a rollout that was asked for; `cause` is why the rule asked, "" when it is not known."""
    message = _ROLLOUTS[origin].format(what=tag or digest)
    return f"{message}: {cause}" if origin is Origin.RULE and cause else message
