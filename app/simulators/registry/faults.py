"""Planned faults: which of the next requests fail, and how. app.py applies them to HTTP requests."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultAnswer:
    """Answer with this status and no useful body. `retry_after` (seconds or an HTTP date) is sent unchanged."""

    status: int
    retry_after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """Wait `seconds`, then answer as usual. None: do not answer until the client gives up."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Cut the connection without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFault:
    """Applies to the next `times` requests whose whole path matches the regular expression `path`, with this `method`.

    "" matches every method.
    """

    path: str
    action: FaultAnswer | Hang | Reset
    method: str = ""
    times: int = 1


class RegistryFaults:
    """Planned faults. The one planned first is used first."""

    def __init__(self) -> None:
        self._planned: list[tuple[RegistryFault, int]] = []

    def add(self, fault: RegistryFault) -> None:
        re.compile(fault.path)
        self._planned.append((fault, fault.times))

    def clear(self) -> None:
        self._planned.clear()

    def left(self) -> list[tuple[RegistryFault, int]]:
        """The faults that are not used up, each with its remaining number of requests."""
        return list(self._planned)

    def take(self, method: str, path: str) -> FaultAnswer | Hang | Reset | None:
        """The fault for this request; one of its times is used up."""
        for position, (fault, left) in enumerate(self._planned):
            if fault.method in ("", method) and re.fullmatch(fault.path, path):
                self._planned[position : position + 1] = [(fault, left - 1)] if left > 1 else []
                return fault.action
        return None
