"""One line of docs/refusals.md."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """When, under which name, and the exact sentence; `thing` and `mend` are the parts of it that name them.

    `mend` is "" for what needs none: it went well, or gave way to what a person asked.
    """

    when: str
    name: str
    sentence: str
    thing: str
    mend: str = ""
