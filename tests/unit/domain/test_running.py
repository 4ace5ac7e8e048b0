"""What runs, by the allocations of a job's versions."""

from dataclasses import replace

from app.domain.job import Allocations, JobState, Placement, SpecifiedTask
from app.domain.running import Extent, RunningImage, extent_of, running_images
from tests.unit.domain.cases import D1, D2, WATCH, job, knows, task

OLD, NEW = task(f":v1.0.0@{D1}"), task(f":v1.1.0@{D2}")
HISTORY = knows()


def of_version(version: int, *tasks: SpecifiedTask, group: str = "app", **counts: int) -> Allocations:
    return Allocations(group=group, version=version, tasks=tasks, **counts)


def placed(*allocations: Allocations, tasks: tuple[SpecifiedTask, ...] = (NEW,), **counts: int) -> JobState:
    return job(*tasks, version=2, placement=Placement(allocations=allocations, counts=counts))


def test_a_canary_runs_beside_the_old_version() -> None:
    found = placed(of_version(2, NEW, running=1, canaries=1), of_version(1, OLD, running=3), app=3)
    assert running_images(WATCH, found, HISTORY) == (
        RunningImage(tag="v1.0.0", digest=D1, running=3),
        RunningImage(tag="v1.1.0", digest=D2, running=1, canaries=1),
    )
    assert extent_of(WATCH, found) == Extent(running=1, count=3)


def test_two_versions_with_one_image_are_one_line() -> None:
    found = placed(of_version(1, NEW, running=2, stopping=1), of_version(2, NEW, running=1, starting=1), app=3)
    assert running_images(WATCH, found, HISTORY) == (
        RunningImage(tag="v1.1.0", digest=D2, running=3, starting=1, stopping=1),
    )
    assert extent_of(WATCH, found) == Extent(running=1, count=3)


def test_an_image_is_unknown_when_nomad_no_longer_keeps_its_version() -> None:
    found = placed(of_version(0, running=2), of_version(0, group="other", running=2), app=2)
    assert running_images(WATCH, found, HISTORY) == (RunningImage(running=2),)


def test_groups_without_the_task_do_not_count() -> None:
    beside = task(group="app", name="beside")
    found = placed(
        of_version(2, NEW, running=1), of_version(2, task(group="db", name="db"), group="db", running=5), app=1, db=5
    )
    assert extent_of(WATCH, found) == Extent(running=1, count=1)
    assert [each.running for each in running_images(WATCH, found, HISTORY)] == [1]
    assert running_images(WATCH, placed(of_version(1, beside, running=1), app=1), HISTORY) == ()


def test_a_watch_of_one_group_counts_that_group() -> None:
    tasks = (NEW, task(f":v1.1.0@{D2}", group="b"))
    found = placed(
        of_version(2, tasks[0], running=1), of_version(2, tasks[1], group="b", running=2), tasks=tasks, app=1, b=3
    )
    assert extent_of(WATCH, found) == Extent(running=3, count=4)
    assert extent_of(replace(WATCH, group="app"), found) == Extent(running=1, count=1)
    assert [each.running for each in running_images(replace(WATCH, group="b"), found, HISTORY)] == [2]


def test_surplus_of_one_group_does_not_stand_for_another() -> None:
    tasks = (NEW, task(f":v1.1.0@{D2}", group="b"))
    found = placed(
        of_version(2, tasks[0], running=4), of_version(2, tasks[1], group="b", running=0), tasks=tasks, app=1, b=1
    )
    assert not extent_of(WATCH, found).is_complete
