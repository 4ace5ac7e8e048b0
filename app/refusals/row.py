"""One line of docs/refusals.md."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalRow:
    """When, under which name, and the exact sentence; `thing` and `fix` are the parts of it that name them.

    `fix` is "" for what needs none: it went well, or gave way to what a person asked.
    """

    when: str
    name: str
    sentence: str
    thing: str
    fix: str = ""
