"""Jobs with changes that were heard and not yet acted upon: many changes of a job become one read of it. Pure.

The first change of a job counts at once, the next ones after a pause, and the last one is never lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.domain.job_change import Heed, JobSignal

APART = 1.0  # seconds between two reads of one job
APART_SLOWLY = 3.0  # seconds between two reads for the sake of our own rollout's allocations
TRIES = 3  # how often a change may be put off until it counts
_MOST_SIGNALS = 8  # of a job: beyond that, the newest


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingJob:
    """A job with its signals, each once; `heard` counts them all. `first_index` is the index of the first."""

    signals: tuple[JobSignal, ...]
    first_index: int
    due_at: float
    heard: int = 1
    tries: int = 0


class PendingJobs:
    """The pending jobs of one namespace. Times are of the caller's clock, in seconds."""

    def __init__(self) -> None:
        self._pending: dict[str, PendingJob] = {}
        self._looked_at: dict[str, float] = {}
        self._counted_at: dict[str, float] = {}

    @property
    def first_index(self) -> int | None:
        """The index of the oldest signal, None without any."""
        return min((each.first_index for each in self._pending.values()), default=None)

    @property
    def next_due(self) -> float | None:
        """When the next job is due, None without any."""
        return min((each.due_at for each in self._pending.values()), default=None)

    def add(self, signal: JobSignal, *, index: int, now: float) -> None:
        """Note a change at this index."""
        looked_at = self._looked_at.get(signal.job_id)
        due_at = now if looked_at is None else max(now, looked_at + APART)
        before = self._pending.get(signal.job_id)
        if before is None:
            self._pending[signal.job_id] = PendingJob(signals=(signal,), first_index=index, due_at=due_at)
            return
        known = tuple(each for each in before.signals if each != signal)
        self._pending[signal.job_id] = replace(
            before,
            signals=(*known, signal)[-_MOST_SIGNALS:],
            heard=before.heard + 1,
            due_at=min(before.due_at, due_at),
        )

    def due(self, now: float) -> Mapping[str, PendingJob]:
        """The jobs that are due now. They stay until `settle`."""
        return {job_id: each for job_id, each in self._pending.items() if each.due_at <= now}

    def settle(self, job_id: str, acted_on: PendingJob, heed: Heed, *, now: float) -> bool:
        """Settle a job that `due` returned; returns whether it counts now. What was heard since stays pending."""
        pending = self._pending.pop(job_id)
        self._looked_at[job_id] = now
        counted_at = self._counted_at.get(job_id)
        if heed is Heed.LATER and acted_on.tries < TRIES:
            self._pending[job_id] = replace(pending, due_at=now + APART / 2, tries=acted_on.tries + 1)
            return False
        if heed is Heed.SLOWLY and counted_at is not None and now < counted_at + APART_SLOWLY:
            self._pending[job_id] = replace(pending, due_at=counted_at + APART_SLOWLY)
            return False
        if pending.heard > acted_on.heard:
            self._pending[job_id] = replace(pending, due_at=now + APART, tries=0)
        if heed is not Heed.IGNORE:
            self._counted_at[job_id] = now
        return heed is not Heed.IGNORE

    def restore(self, job_id: str, acted_on: PendingJob) -> None:
        """Make a settled job due again, since it could not be acted upon."""
        self._pending[job_id] = replace(self._pending.get(job_id, acted_on), due_at=acted_on.due_at)

    def forget_old(self, now: float) -> None:
        """Forget when jobs counted last, for those of long ago."""
        self._looked_at = {job_id: at for job_id, at in self._looked_at.items() if now - at < APART}
        self._counted_at = {job_id: at for job_id, at in self._counted_at.items() if now - at < APART_SLOWLY}
