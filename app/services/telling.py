"""What is remembered of a person's word, in words. Pure; only what changed something is told."""

from collections.abc import Iterator

from app.services.followed import Wish
from app.services.said import Saying
from app.services.word import Word

CHECKED = "looks at it now"

_WISHES = {
    Wish.PROMOTE: (Saying.PROMOTE, "promotes the canaries"),
    Wish.FAIL: (Saying.FAIL, "fails the deployment"),
}


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


def wished(wish: Wish) -> tuple[Saying, str]:
    """The entry for a command about the canaries of a rollout."""
    return _WISHES[wish]


def rolled_back(*, tag: str, digest: str) -> tuple[Saying, str]:
    """The entry for one watch of a rollback."""
    return Saying.ROLLBACK, f"goes back to {tag or digest}"


def switched(*, paused: bool) -> tuple[Saying, str]:
    """The entry for the switch of everything."""
    if paused:
        return Saying.PAUSE, "nothing is deployed by itself"
    return Saying.RESUME, "what is wanted is deployed again"
