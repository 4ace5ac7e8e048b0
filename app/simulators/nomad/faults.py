"""Planned faults: which of the next requests fail, and how. It only decides; disturbance.py and agent.py apply them.

Faults are used in the order in which they were added, each for its number of times.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from app.simulators.nomad.refusal import Json

TOO_MANY = "Your IP is issuing too many concurrent connections, please rate limit your calls"
DEFAULT_TEXT = {429: TOO_MANY, 403: "Permission denied", 500: "No cluster leader"}


class FaultAction(StrEnum):
    STATUS = "status"
    """Answer with `status` and `text`."""
    RESET = "reset"
    """Close the connection without a reply."""
    HANG = "hang"
    """Wait `seconds`, then go on as usual. A write is applied even if its caller has given up."""
    FOREIGN = "foreign"
    """Register the job of the request as somebody else, then go on as usual."""
    INDEX = "index"
    """Answer as usual, but with `index` as X-Nomad-Index. A restore of a cluster's state sets it back."""
    WAKE = "wake"
    """End a blocking query at once, although nothing changed."""


@dataclass(slots=True, kw_only=True)
class NomadFault:
    """One planned fault. `path` is a glob for the decoded path. `after`: the request is applied first, so that only its
    reply is affected.
    """

    action: FaultAction
    method: str = "*"
    path: str = "*"
    after: bool = False
    status: int = 500
    text: str = ""
    seconds: float = 0.0
    index: int = 1
    times: int = 1

    @classmethod
    def from_json(cls, body: Json) -> NomadFault:
        """From the control API, where `{"status": 429}` is enough. TypeError or ValueError for an invalid body."""
        action = FaultAction(body.get("action", "status"))
        return cls(**{**body, "action": action})

    def matches(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and fnmatchcase(path, self.path)

    @property
    def body(self) -> str:
        return self.text or DEFAULT_TEXT.get(self.status, "simulated fault")


class NomadFaults:
    def __init__(self) -> None:
        self.waiting: list[NomadFault] = []

    def add(self, *faults: NomadFault) -> None:
        self.waiting += faults

    def clear(self) -> None:
        self.waiting.clear()

    def take(self, method: str, path: str) -> NomadFault | None:
        """The first matching fault; one of its times is used up."""
        for fault in self.waiting:
            if fault.matches(method, path):
                fault.times -= 1
                if fault.times <= 0:
                    self.waiting.remove(fault)
                return fault
        return None
