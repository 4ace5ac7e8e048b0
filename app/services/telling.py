"""Audit-log entries for a command. Pure. Parts that changed nothing produce no entry."""

from collections.abc import Iterator

from app.services.followed import Wish
from app.services.said import Saying
from app.services.steering import Destination
from app.services.word import Word

CHECKED = (Saying.CHECK, "looks at it now")


def sayings(word: Word, *, pinned_before: str, auto_before: bool, brings: bool) -> Iterator[tuple[Saying, str]]:
    """Each part of the word that was really said; `brings` is whether a rollout was asked for by it just now."""
    switched = word.auto_deploy is not None and word.auto_deploy != auto_before
    ruled = word.pinned_tag is not None and word.pinned_tag != pinned_before
    tag = word.errand.tag if word.errand else ""
    deploys = f", deploys {tag}" if brings else ""
    if word.is_reset:
        if ruled or switched or brings:
            yield Saying.RESET, f"follows releases, auto deploy on{deploys}"
        return
    if word.pinned_tag and (ruled or brings):
        yield Saying.PIN, f"pinned to {word.pinned_tag}{', deploys it' if brings else ''}"
    elif word.pinned_tag == "" and (ruled or brings):
        yield Saying.FOLLOW, f"follows releases{deploys}"
    elif word.pinned_tag is None and brings:
        yield Saying.REDEPLOY, f"deploys {tag} once, the rule stays as it is"
    if switched:
        yield (Saying.SWITCH_ON, "auto deploy on") if word.auto_deploy else (Saying.SWITCH_OFF, "auto deploy off")


def pausing(*, paused: bool) -> tuple[Saying, str]:
    """The entry for the switch of everything."""
    if paused:
        return Saying.PAUSE, "nothing is deployed by itself"
    return Saying.RESUME, "what is wanted is deployed again"


def wished(wish: Wish, *, before: Wish | None) -> tuple[Saying, str] | None:
    """The entry for a command about a rollout's canaries; None when just this was asked `before`, and is not done."""
    if wish is before:
        return None
    if wish is Wish.PROMOTE:
        return Saying.PROMOTE, "promotes the canaries"
    return Saying.FAIL, "fails the deployment"


def rolling_back(destination: Destination) -> tuple[Saying, str]:
    """The entry for a rollback, of one watch."""
    return Saying.ROLLBACK, f"goes back to {destination.tag or destination.digest}"
