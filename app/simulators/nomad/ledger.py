"""The ledger that tests read: applied registrations in their order, and the number of requests.

Append-only. An entry is written when the registration is applied, even if its reply does not reach the caller.
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
    """One applied registration. `origin` is client (the API), seed, edit, scale, revert or foreign."""

    sequence: int
    time: float
    origin: str
    namespace: str
    job: str
    version: int
    job_modify_index: int
    enforce_index: int | None
    """The JobModifyIndex sent with EnforceIndex, None without EnforceIndex."""
    changed: bool
    images: dict[tuple[str, str], str]
    metas: dict[tuple[str, str], dict[str, str]]
    request_id: str

    def as_json(self) -> dict[str, Any]:
        """The form of the control API: `(group, task)` becomes `group/task`."""
        shown = {name: getattr(self, name) for name in self.__slots__}
        shown["images"] = {"/".join(place): image for place, image in self.images.items()}
        shown["metas"] = {"/".join(place): meta for place, meta in self.metas.items()}
        return shown


class Ledger:
    """Applied registrations, and the number of requests for each path."""

    def __init__(self) -> None:
        self._entries: list[LedgerEntry] = []
        self._sequence = 0
        self.requests: Counter[str] = Counter()
        """By "METHOD /path". Ids of evaluations, deployments and allocations are written `:id`."""
        self.waits: Counter[str] = Counter()
        """Those of `requests` that were blocking queries, by the same key."""

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
        """In order of application: of one job, after sequence number `since`, of one origin (None: any)."""
        return [
            entry
            for entry in self._entries
            if entry.sequence > since and job in (None, entry.job) and origin in (None, entry.origin)
        ]

    def clear(self) -> None:
        """Delete entries and counts. Sequence numbers continue."""
        self._entries.clear()
        self.requests.clear()
        self.waits.clear()
