"""Who commanded something that lasts, since when and why: the words for messages, and the text as it is stored. Pure.

A time in a message is absolute: a message that changed with the clock would be a new decision at each reconcile.
"""

import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime

MAX_REASON = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Commanded:
    """A person's command that is in force; "" and None if it has no known actor, time or reason."""

    by: str = ""
    at: datetime | None = None
    reason: str = ""

    @property
    def who(self) -> str:
        """The actor, or "a person"."""
        return self.by or "a person"

    @property
    def since(self) -> str:
        """ " by NAME since TIME: REASON", as far as it is known; it follows a verb."""
        since = f" since {_minute(self.at)}" if self.at is not None else ""
        return f"{self._by}{since}{self._reason}"

    @property
    def on(self) -> str:
        """ " on TIME: REASON", as far as it is known; it follows a sentence about a moment."""
        return f"{f' on {_minute(self.at)}' if self.at is not None else ''}{self._reason}"

    @property
    def _by(self) -> str:
        return f" by {self.by}" if self.by else ""

    @property
    def _reason(self) -> str:
        return f": {self.reason}" if self.reason else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingCommands:
    """The commands that may hold a watch: the pause of everything, its pin, its switch, and a rollback of it."""

    pause: Commanded = field(default_factory=Commanded)
    pin: Commanded = field(default_factory=Commanded)
    switch: Commanded = field(default_factory=Commanded)
    rollback: Commanded = field(default_factory=Commanded)


def tidied(reason: str) -> str:
    """A person's reason on one line: control characters, line ends and lone surrogates become spaces."""
    kinds = ("Cc", "Cs", "Zl", "Zp")
    return " ".join("".join(" " if unicodedata.category(each) in kinds else each for each in reason).split())


def takes_over(*, changed: bool, reason: str) -> bool:
    """Whether a command replaces the actor, time and reason of the one in force.

    The same command again, without a reason, leaves them as they are.
    """
    return changed or bool(reason)


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
