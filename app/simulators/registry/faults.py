"""Answers which of the next requests go wrong, and how. The HTTP side of it is in app.py."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultAnswer:
    """Answer with this status, without a useful body; `retry_after` is sent as it stands (seconds or an HTTP date)."""

    status: int
    retry_after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """Say nothing for `seconds`, then go on as usual; None: say nothing until the client gives up."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Drop the connection without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFault:
    """The next `times` requests whose whole path matches `path` (a regular expression) and whose method fits."""

    path: str
    action: FaultAnswer | Hang | Reset
    method: str = ""
    times: int = 1


class RegistryFaults:
    """Planned faults, first planned first used."""

    def __init__(self) -> None:
        self._planned: list[tuple[RegistryFault, int]] = []

    def add(self, fault: RegistryFault) -> None:
        re.compile(fault.path)
        self._planned.append((fault, fault.times))

    def clear(self) -> None:
        self._planned.clear()

    def left(self) -> list[tuple[RegistryFault, int]]:
        """The faults not used up, with the number of answers still to spoil."""
        return list(self._planned)

    def take(self, method: str, path: str) -> FaultAnswer | Hang | Reset | None:
        """The fault for this request, used up by one."""
        for position, (fault, left) in enumerate(self._planned):
            if fault.method in ("", method) and re.fullmatch(fault.path, path):
                self._planned[position : position + 1] = [(fault, left - 1)] if left > 1 else []
                return fault.action
        return None
