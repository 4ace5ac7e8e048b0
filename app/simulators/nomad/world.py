"""The state of the simulated server, and the index of each table's last change.

Only this module creates indexes, ids and times. It knows the tables, but not the rules that fill them.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from app.simulators.nomad.event_log import EventLog
from app.simulators.nomad.images import Images
from app.simulators.nomad.refusal import Json
from app.simulators.nomad.release import SimulatedVersion
from app.simulators.nomad.tables import FIRST_NODE, Allocation, Deployment, Evaluation, JobRecord, Node, TableRow
from app.simulators.nomad.timeline import Timeline
from app.simulators.nomad.timing import Fate, Timing, Verdict

KEPT_VERSIONS = 6
KEPT_ROWS = 60
STREAMS = "streams"
ROW_TABLES = ("jobs", "evaluations", "deployments", "allocations")


class World:
    """Tables, indexes, clock, timing and verdicts of one simulated server."""

    def __init__(
        self, *, timing: Timing, clock: Callable[[], float], release: SimulatedVersion, nodes: int = 1
    ) -> None:
        self.timing = timing
        self.release = release
        self.nodes = [FIRST_NODE, *(Node(number, new_id()) for number in range(2, nodes + 1))]
        self.ineligible: set[int] = set()
        self.timeline = Timeline(clock)
        self.verdicts: list[Verdict] = []
        self.images = Images()
        self.evaluation_faults: list[tuple[str, str]] = []
        """(job id, fault) for the next evaluation of the job; each applies once."""
        self.implied: list[Json] = []
        """Constraints that each registration adds, as those of a newer Nomad."""
        self.namespaces = {"default"}
        self.index = 10
        self.touched = {"jobs": 1, "evaluations": 1, "deployments": 1, "allocations": 1, "namespaces": 1}
        self.log = EventLog()
        self.jobs: dict[tuple[str, str], JobRecord] = {}
        self.evaluations: dict[str, Evaluation] = {}
        self.deployments: dict[str, Deployment] = {}
        self.allocations: dict[str, Allocation] = {}
        self.process: Callable[[Evaluation], None] = _no_scheduler
        self.restores = 0
        """How often the whole state was replaced: open streams and blocking queries end then."""
        self.waited_out = 0
        """The number of blocking queries that ended by their wait time."""
        self._waiting: dict[str, list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}

    @property
    def eligible(self) -> list[Node]:
        """The nodes that take new allocations."""
        return [node for node in self.nodes if node.number not in self.ineligible]

    @property
    def now(self) -> float:
        return self.timeline.now

    def commit(self) -> int:
        """Begin a new raft index. Rows stamped until the next commit get it."""
        self.index += 1
        return self.index

    def touch(self, *tables: str) -> None:
        """Record a change of these tables at the present index, and wake the blocking queries on them."""
        for table in tables:
            self.touched[table] = self.index
            self._notify(table)

    def tell(self, changed: TableRow | Json, *, deleted: bool = False) -> None:
        """Add this row, or this job, to the event log at the present index, and wake the streams."""
        self.log.add(self.index, changed, deleted=deleted)
        self._notify(STREAMS)

    def _notify(self, table: str) -> None:
        for loop, changed in self._waiting.pop(table, ()):
            loop.call_soon_threadsafe(changed.set)

    def wake(self) -> None:
        """Wake all blocking queries, although nothing changed; each reads its rows again."""
        for table in list(self._waiting):
            self._notify(table)

    def abandon(self) -> None:
        """Lose all rows, the log and what was under way; open streams and blocking queries end."""
        for table in (self.jobs, self.evaluations, self.deployments, self.allocations):
            table.clear()
        self.timeline.forget()
        self.log.forget()
        self.restores += 1
        self.wake()

    @contextmanager
    def watching(self, table: str) -> Iterator[asyncio.Event]:
        """An event for blocking queries, set at the next change of this table; of STREAMS, at the next logged event."""
        waiter = asyncio.get_running_loop(), asyncio.Event()
        self._waiting.setdefault(table, []).append(waiter)
        try:
            yield waiter[1]
        finally:
            if waiter in self._waiting.get(table, ()):
                self._waiting[table].remove(waiter)

    @property
    def waits(self) -> int:
        """The number of open blocking queries."""
        return sum(map(len, self._waiting.values()))

    def add(self, row: TableRow) -> None:
        """Store a new row of any table and its job, at the present index."""
        row.create_index = self.index
        row.create_time = self.now
        name = table_of(row)
        table: dict[str, Any] = getattr(self, name)
        table[row.id] = row
        record = self.jobs.get((row.namespace, row.job_id))
        if record is not None:
            owned: dict[str, Any] = getattr(record, name)
            owned[row.id] = row
            self._forget_oldest(owned, table)
        self.stamp(row)

    def stamp(self, row: TableRow) -> None:
        row.modify_index = self.index
        row.modify_time = self.now
        self.touch(table_of(row))
        self.tell(row)

    def replace_job(self, record: JobRecord, version: int = -1, **changes: Any) -> None:
        """Change server fields of a stored version at the present index."""
        record.versions[version] = {**record.versions[version], **changes, "ModifyIndex": self.index}
        self.touch("jobs")
        self.tell(record.versions[version])

    def fate(self, images: list[str]) -> Verdict | None:
        return next((v for v in self.verdicts if any(v.image in image for image in images)), None)

    def fated(self, images: list[str], fate: Fate) -> Verdict | None:
        verdict = self.fate(images)
        return verdict if verdict is not None and verdict.fate is fate else None

    @staticmethod
    def _forget_oldest(owned: dict[str, Any], table: dict[str, Any]) -> None:
        """Bound a job's history, as Nomad's garbage collection does: delete the oldest terminal row."""
        if len(owned) <= KEPT_ROWS:
            return
        oldest = next((key for key, row in owned.items() if row.terminal), None)
        if oldest is not None:
            del owned[oldest]
            table.pop(oldest, None)


def _no_scheduler(evaluation: Evaluation) -> None:
    raise RuntimeError(f"no scheduler to process evaluation {evaluation.id}")


def table_of(row: TableRow) -> str:
    if isinstance(row, Evaluation):
        return "evaluations"
    return "deployments" if isinstance(row, Deployment) else "allocations"


def new_id() -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def images_of(job: Json, group: str | None = None) -> dict[tuple[str, str], str]:
    """{(group, task): image} of a job, or of one group, without tasks that have no image text."""
    return {
        (g["Name"], task["Name"]): image
        for g in job["TaskGroups"] or ()
        if group is None or g["Name"] == group
        for task in g["Tasks"] or ()
        if isinstance(image := (task["Config"] or {}).get("image"), str)
    }
