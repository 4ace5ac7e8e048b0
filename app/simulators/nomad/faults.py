"""Answers: what goes wrong with the next matching request? Decides only; agent.py carries it out.

Faults are consumed in the order they were added, each for its number of times.
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
    """Keep the caller waiting for `seconds`, then go on as usual: a write is applied even when its caller has left."""
    FOREIGN = "foreign"
    """Let somebody else register the job that the request is about, then go on as usual."""
    INDEX = "index"
    """Answer as usual, but with `index` as X-Nomad-Index: a cluster whose state was restored goes backwards."""
    WAKE = "wake"
    """End a blocking query at once though nothing changed."""


@dataclass(slots=True, kw_only=True)
class NomadFault:
    """`path` is a glob on the decoded path; `after` means after the request was applied, so that only its reply
    suffers.
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
        """From the control API, where `{"status": 429}` is enough; TypeError or ValueError on anything odd."""
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
        """The first fault that fits, one of its times used up."""
        for fault in self.waiting:
            if fault.matches(method, path):
                fault.times -= 1
                if fault.times <= 0:
                    self.waiting.remove(fault)
                return fault
        return None
