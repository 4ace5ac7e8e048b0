"""Many changes of a job become few reads of it, and the last change is never lost."""

import itertools
from collections.abc import Iterator

import pytest

from app.domain.job_change import ChangeKind, Heed, JobSignal
from app.services.wakeup.pending_jobs import APART, APART_SLOWLY, TRIES, PendingJobs


def signal(index: int = 0, *, job: str = "web", kind: ChangeKind = ChangeKind.JOB) -> JobSignal:
    return JobSignal(job_id=job, kind=kind, job_index=index)


def counted(pending: PendingJobs, heed: Heed, now: float) -> list[str]:
    """The jobs that count now, when all that is due is heeded like this."""
    return [job_id for job_id, job in pending.due(now).items() if pending.settle(job_id, job, heed, now=now)]


def test_the_first_change_counts_at_once() -> None:
    pending = PendingJobs()
    assert (pending.first_index, pending.next_due) == (None, None)
    pending.add(signal(5), index=5, now=100.0)
    assert (pending.first_index, pending.next_due) == (5, 100.0)
    assert counted(pending, Heed.NOW, 100.0) == ["web"]
    assert pending.first_index is None


def test_the_next_ones_count_together_after_a_pause() -> None:
    pending = PendingJobs()
    pending.add(signal(1), index=1, now=0.0)
    counted(pending, Heed.NOW, 0.0)
    for number in range(2, 40):
        pending.add(signal(number), index=number, now=number / 100)
        assert counted(pending, Heed.NOW, number / 100) == []
    assert counted(pending, Heed.NOW, APART) == ["web"]
    assert counted(pending, Heed.NOW, APART * 3) == []


def test_one_job_does_not_delay_another() -> None:
    pending = PendingJobs()
    pending.add(signal(1), index=1, now=0.0)
    counted(pending, Heed.NOW, 0.0)
    pending.add(signal(2), index=2, now=0.1)
    pending.add(signal(2, job="other"), index=2, now=0.1)
    assert counted(pending, Heed.NOW, 0.1) == ["other"]


@pytest.mark.parametrize("again", [signal(1), signal(2)])
def test_a_change_that_is_heard_while_the_job_is_made_due_counts_afterwards(again: JobSignal) -> None:
    pending = PendingJobs()
    pending.add(signal(1), index=1, now=0.0)
    (job,) = pending.due(0.0).values()
    pending.add(again, index=2, now=0.01)
    assert pending.settle("web", job, Heed.NOW, now=0.02)
    assert counted(pending, Heed.NOW, 0.02 + APART) == ["web"]


def test_what_could_not_be_acted_upon_is_due_again() -> None:
    pending = PendingJobs()
    pending.add(signal(1), index=1, now=0.0)
    (job,) = pending.due(0.0).values()
    pending.settle("web", job, Heed.NOW, now=0.0)
    pending.restore("web", job)
    assert pending.first_index == 1
    assert counted(pending, Heed.NOW, 0.1) == ["web"]


def test_what_is_ignored_is_gone() -> None:
    pending = PendingJobs()
    pending.add(signal(1), index=1, now=0.0)
    assert counted(pending, Heed.IGNORE, 0.0) == []
    assert pending.first_index is None


def test_an_unclear_change_is_looked_at_again_and_counts_in_the_end() -> None:
    pending = PendingJobs()
    pending.add(signal(1), index=1, now=0.0)
    for _ in range(TRIES):
        now = pending.next_due
        assert now is not None
        assert counted(pending, Heed.LATER, now) == []
    now = pending.next_due
    assert now is not None
    assert now <= 2.0
    assert counted(pending, Heed.LATER, now) == ["web"]


def test_our_own_allocations_count_now_and_then() -> None:
    pending = PendingJobs()
    reads = []
    for number in range(100):
        now = number / 10
        pending.add(signal(kind=ChangeKind.ALLOCATION), index=number, now=now)
        reads += [now for _ in counted(pending, Heed.SLOWLY, now)]
    assert len(reads) == 4
    assert all(later - earlier >= APART_SLOWLY - 0.01 for earlier, later in pairs(reads))
    assert pending.first_index is not None, "the last one still counts"
    assert counted(pending, Heed.SLOWLY, 20.0) == ["web"]


def test_another_registration_does_not_wait_for_our_own_allocations() -> None:
    pending = PendingJobs()
    for number in range(3):
        pending.add(signal(kind=ChangeKind.ALLOCATION), index=number, now=float(number))
        counted(pending, Heed.SLOWLY, float(number))
    pending.add(signal(9), index=9, now=2.1)
    due_at = pending.next_due
    assert due_at is not None
    assert due_at <= 3.1


def test_old_times_are_forgotten() -> None:
    pending = PendingJobs()
    pending.add(signal(1), index=1, now=0.0)
    counted(pending, Heed.NOW, 0.0)
    pending.forget_old(APART * 100)
    pending.add(signal(2), index=2, now=APART * 100)
    assert pending.next_due == APART * 100


def pairs(values: list[float]) -> Iterator[tuple[float, float]]:
    yield from itertools.pairwise(values)
