"""Answers: which registrations were applied, in which order, and what was asked? The oracle of the tests.

Append only. An entry is written at the moment the write is applied, whether or not its reply ever reached the caller.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from app.simulators.nomad.refusal import Json
from app.simulators.nomad.world import images_of

CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One applied registration; `origin` is `client`, or who else changed the job: seed, hand, scale or revert."""

    sequence: int
    time: float
    origin: str
    namespace: str
    job: str
    version: int
    job_modify_index: int
    enforce_index: int | None
    """The JobModifyIndex sent with EnforceIndex, None when it was not enforced."""
    changed: bool
    images: dict[tuple[str, str], str]
    metas: dict[tuple[str, str], dict[str, str]]
    request_id: str

    def as_json(self) -> dict[str, Any]:
        """For the control API: `(group, task)` becomes `group/task`."""
        shown = {name: getattr(self, name) for name in self.__slots__}
        shown["images"] = {"/".join(place): image for place, image in self.images.items()}
        shown["metas"] = {"/".join(place): meta for place, meta in self.metas.items()}
        return shown


class Ledger:
    """Applied registrations, and how often each path was asked."""

    def __init__(self) -> None:
        self._entries: list[LedgerEntry] = []
        self._sequence = 0
        self.requests: Counter[str] = Counter()
        """Counts by "METHOD /path", ids of evaluations, deployments and allocations written `:id`."""

    def append(
        self, job: Json, *, time: float, origin: str, enforced: int | None, changed: bool, request_id: str
    ) -> LedgerEntry:
        self._sequence += 1
        entry = LedgerEntry(
            sequence=self._sequence,
            time=time,
            origin=origin,
            namespace=job["Namespace"],
            job=job["ID"],
            version=job["Version"],
            job_modify_index=job["JobModifyIndex"],
            enforce_index=enforced,
            changed=changed,
            images=images_of(job),
            metas={
                (group["Name"], task["Name"]): dict(task["Meta"])
                for group in job["TaskGroups"] or () for task in group["Tasks"] or () if task["Meta"]
            },
            request_id=request_id,
        )  # fmt: skip
        self._entries.append(entry)
        return entry

    def entries(self, *, job: str | None = None, since: int = 0, origin: str | None = CLIENT) -> list[LedgerEntry]:
        """In order of application: of one job, after sequence number `since`, of one origin (None: of any)."""
        return [
            entry
            for entry in self._entries
            if entry.sequence > since and job in (None, entry.job) and origin in (None, entry.origin)
        ]

    def clear(self) -> None:
        """Forget entries and counts; sequence numbers go on."""
        self._entries.clear()
        self.requests.clear()
