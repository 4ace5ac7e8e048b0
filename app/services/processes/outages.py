"""The outages that one process sees: one line in the log when one begins, and one with its duration when it ends.

Whoever finds a part away, or finds it back, notes it here; how often does not matter. It must not know how a part is
asked.
"""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    since: float
    problem: str


class OutageLog:
    """The parts that are away, by name: "Postgres", "Redis", "registry hub"."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, _Known] = {}

    @property
    def parts(self) -> Collection[str]:
        """The names of the parts that are away, in the order in which that was found."""
        return tuple(self._known)

    def note(self, part: str, problem: str, *, ago: float = 0.0) -> None:
        """The part is away because of `problem`, since `ago` seconds; "" if it is not away."""
        before = self._known.get(part)
        if problem and before is None:
            self._known[part] = _Known(since=self._clock() - ago, problem=problem)
            with suppress(Exception):  # a log that cannot be written must not hide the outage
                log.warning("outage.began", part=part, problem=problem)
        elif not problem and before is not None:
            del self._known[part]
            with suppress(Exception):
                log.info("outage.ended", part=part, seconds=round(self._clock() - before.since, 1))

    def note_all(self, problems: Mapping[str, str], *, but: Collection[str] = ()) -> None:
        """Exactly these parts are away, beside those in `but`, of which nothing is said."""
        for part in [each for each in self._known if each not in problems and each not in but]:
            self.note(part, "")
        for part, problem in problems.items():
            if part not in but:
                self.note(part, problem)
