"""Jobs of every shape that run the desired image: reconciles post nothing."""

from copy import deepcopy
from typing import Any

from app.adapters.nomad.images import specified_task, tasks_of
from app.domain.job import SpecifiedTask
from app.domain.watch import Watch
from tests.line import Line
from tests.unit.nomad.shapes import shapes


def with_image(line: Line, job: dict[str, Any], task: SpecifiedTask, tag: str) -> dict[str, Any]:
    """The job with one task's image from the line's registry, without the constraints that keep it from being placed
    here: the recorded corpus was to be placed nowhere, and the simulated nodes are few."""
    copy = deepcopy(job)
    dict(tasks_of(copy))[task.key]["Config"]["image"] = f"{task.prefix}{line.host}/team/app:{tag}"
    for place in (copy, *copy["TaskGroups"]):
        place["Constraints"] = [each for each in place["Constraints"] or () if not _keeps_away(each)]
    return copy


def _keeps_away(constraint: dict[str, Any]) -> bool:
    return bool(constraint["RTarget"] == "nowhere") or constraint["Operand"] == "distinct_hosts"


def watched(line: Line, name: str, job: dict[str, Any], task: SpecifiedTask) -> Watch:
    return line.watch(name, path="team/app", job=job["ID"], group=task.key.group, task=task.key.task)


async def test_a_reconcile_without_changes_posts_nothing_for_any_job(running: Line) -> None:
    line = running
    await line.push("app", "v1.0.0", notify=False)
    watches = []
    for name, job in shapes().items():
        rollout = [task for task in (specified_task(*each) for each in tasks_of(job)) if task.reference]
        if not rollout:
            continue
        line.nomad.seed(with_image(line, job, rollout[0], "v1.0.0"))
        watches.append(watched(line, name, job, rollout[0]))
    await line.configure(*watches)
    for watch in watches:
        await line.held(watch.name, "up_to_date")
    await line.make_due_and_wake()
    await line.quiet()
    assert line.nomad.ledger.entries() == []
