"""The known name that is nearest to a misspelt one."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str:
    """The closest of `known` to `name`, in any case; "" when none is close."""
    spelled = {each.lower(): each for each in known}
    found = get_close_matches(name.lower(), spelled, n=1, cutoff=0.6)
    return spelled[found[0]] if found else ""


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """A sentence that suggests the nearest known name, or `otherwise` when none is near."""
    found = nearest(name, known)
    return f"Did you mean `{found}`?" if found else otherwise
