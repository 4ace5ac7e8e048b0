"""The events of the last changes, as GET /v1/event/stream sends them: the newest hundred batches, in memory.

A batch is what one raft index changed. The log knows rows and jobs; it does not know who reads them.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from app.simulators.nomad import views
from app.simulators.nomad.refusal import Json
from app.simulators.nomad.release import SimulatedVersion
from app.simulators.nomad.tables import Allocation, Deployment, Evaluation, TableRow

KEPT_BATCHES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """One change. `keys` are its key and its filter keys; a `topic=T:key` matches any of them."""

    topic: str
    type: str
    namespace: str
    keys: tuple[str, ...]
    subject: TableRow | Json
    deleted: bool = False

    def as_json(self, index: int, release: SimulatedVersion) -> Json:
        """The event as the stream sends it. A row's nested parts are shown as they are now."""
        payload: Json = {self.topic: _shown(self.subject, release), **({"Deleted": True} if self.deleted else {})}
        return {
            "FilterKeys": list(self.keys[1:]) or None, "Index": index, "Key": self.keys[0],
            "Namespace": self.namespace, "Payload": payload, "Topic": self.topic, "Type": self.type,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one raft index changed. `number` counts the batches of this log, since an index may come back."""

    number: int
    index: int
    events: list[LoggedEvent]


class EventLog:
    """Batches, the oldest first."""

    def __init__(self) -> None:
        self._batches: deque[Batch] = deque(maxlen=KEPT_BATCHES)
        self._number = 0
        self._read = 0

    def add(self, index: int, subject: TableRow | Json, *, deleted: bool = False) -> None:
        """Add a change of a row or of a job at this index."""
        newest = self._batches[-1] if self._batches else None
        if newest is None or newest.index != index or newest.number <= self._read:
            self._number += 1
            self._batches.append(Batch(number=self._number, index=index, events=[]))
        self._batches[-1].events.append(_event(index, subject, deleted=deleted))

    def closest(self, index: int) -> int:
        """The number of the first batch at `index` or after it; of the newest batch if all are older, as in Nomad."""
        return next((batch.number for batch in self._batches if batch.index >= index), self._number)

    def since(self, number: int) -> Sequence[Batch]:
        """The batches from `number` on that are still kept. A batch that was read gets no more events."""
        self._read = self._number
        return [batch for batch in self._batches if batch.number >= number]

    def forget(self) -> None:
        """Lose everything, as a server does that restarts."""
        self._batches.clear()


def _event(index: int, subject: TableRow | Json, *, deleted: bool) -> LoggedEvent:
    """The type is that of the raft message which usually makes such a change: no reader may rely on it."""
    if isinstance(subject, dict):
        gone = deleted or (subject["Stop"] and subject["JobModifyIndex"] == index)
        registered = "JobRegistered" if subject["JobModifyIndex"] == index else "PlanResult"
        return LoggedEvent(
            topic="Job", type="JobDeregistered" if gone else registered, namespace=subject["Namespace"],
            keys=(subject["ID"],), subject=subject, deleted=deleted,
        )  # fmt: skip
    keys: tuple[str, ...] = (subject.id, subject.job_id)
    if isinstance(subject, Evaluation):
        topic, kind, keys = "Evaluation", "EvaluationUpdated", (*keys, subject.deployment_id)
    elif isinstance(subject, Allocation):
        is_new = subject.create_index == index
        topic, kind = "Allocation", "PlanResult" if is_new else "AllocationUpdated"
        keys = (*keys, subject.deployment_id)
    else:
        topic, kind = "Deployment", "PlanResult"
    return LoggedEvent(topic=topic, type=kind, namespace=subject.namespace, keys=keys, subject=copy.copy(subject))


def _shown(subject: TableRow | Json, release: SimulatedVersion) -> Json:
    if isinstance(subject, dict):
        return views.job(subject, release)
    if isinstance(subject, Evaluation):
        return views.evaluation(subject, release)
    if isinstance(subject, Deployment):
        return release.deployment(views.deployment(subject))
    assert isinstance(subject, Allocation)
    return {key: value for key, value in views.allocation(subject, release).items() if key != "Job"}
