"""Which changes of a job make it read again."""

import pytest

from app.domain.job_change import (
    ChangeKind,
    Heed,
    JobIndexes,
    JobList,
    JobSignal,
    Namespace,
    Registering,
    differing,
    heed,
)

OURS, OTHERS = 50, 51


def change(kind: ChangeKind, job_index: int = 0, *, deleted: bool = False) -> JobSignal:
    return JobSignal(job_id="web", kind=kind, job_index=job_index, deleted=deleted)


@pytest.mark.parametrize("kind", ChangeKind)
def test_without_a_rollout_every_change_makes_the_job_read(kind: ChangeKind) -> None:
    assert heed(change(kind), None) is Heed.NOW


@pytest.mark.parametrize("kind", ChangeKind)
def test_while_our_registration_is_under_way_nobody_knows_whose_change_it_is(kind: ChangeKind) -> None:
    assert heed(change(kind, OURS), Registering(index=None)) is Heed.LATER


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (change(ChangeKind.JOB, OURS), Heed.IGNORE),
        (change(ChangeKind.JOB, OTHERS), Heed.NOW),
        (change(ChangeKind.JOB, OURS, deleted=True), Heed.NOW),
        (change(ChangeKind.DEPLOYMENT), Heed.IGNORE),
        (change(ChangeKind.EVALUATION), Heed.IGNORE),
        (change(ChangeKind.ALLOCATION), Heed.SLOWLY),
    ],
)
def test_while_our_rollout_is_under_way_only_others_count_at_once(seen: JobSignal, expected: Heed) -> None:
    assert heed(seen, Registering(index=OURS)) is expected


def test_a_purge_counts_even_while_we_register() -> None:
    assert heed(change(ChangeKind.JOB, deleted=True), Registering(index=None)) is Heed.NOW


READ = JobIndexes(job_index=20, create_index=10)


def listed(
    jobs: dict[str, JobIndexes] | None, *, index: int = 100, allocations: dict[str, int] | None = None
) -> JobList:
    return JobList(index=index, jobs=jobs, allocations=allocations or {})


def same(modify_index: int = 25) -> JobIndexes:
    return JobIndexes(job_index=20, create_index=10, modify_index=modify_index)


@pytest.mark.parametrize(
    ("found", "since", "differs"),
    [
        (listed({"web": same()}), 90, False),
        (listed({"web": same()}, allocations={"web": 90, "other": 99}), 90, False),
        (listed({"web": same()}, allocations={"web": 91}), 90, True),
        (listed({"web": same(91)}), 90, True),
        (listed({"web": same(91)}, allocations={"web": 91}), 0, False),
        (listed({"web": JobIndexes(job_index=21, create_index=10)}), 0, True),
        (listed({"web": JobIndexes(job_index=20, create_index=20)}), 0, True),
        (listed({}), 90, True),
        (listed(None), 90, True),
        (listed({"web": same()}, index=89), 90, True),
    ],
)
def test_a_job_differs(found: JobList, since: int, differs: bool) -> None:
    assert (differing({"web": READ}, found, since=since) == {"web"}) is differs


def test_a_job_that_was_not_there_differs_once_it_is_listed() -> None:
    never = {"web": JobIndexes(job_index=0, create_index=0)}
    assert differing(never, listed({}), since=90) == set()
    assert differing(never, listed({"web": same()}), since=90) == {"web"}


def test_jobs_that_no_watch_names_never_differ() -> None:
    assert differing({}, listed({"web": same(99)}), since=1) == set()


def test_a_namespace_is_named_with_its_region() -> None:
    assert str(Namespace(region="", name="")) == "default"
    assert str(Namespace(region="eu", name="team")) == "team (region eu)"
