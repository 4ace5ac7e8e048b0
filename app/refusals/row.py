"""One line of docs/refusals.md."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalRow:
    """The situation, the name and the exact message. `thing` and `fix` are the parts of it that name them.

    `fix` is "" if none is needed: after a success, or after a person's own command.
    """

    when: str
    name: str
    sentence: str
    thing: str
    fix: str = ""
