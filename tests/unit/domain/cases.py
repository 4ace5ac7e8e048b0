"""Values for domain tests; a test states only the fields that it is about."""

from dataclasses import replace
from typing import Any

from app.domain.decision import Case
from app.domain.history import Desired, History, normalised
from app.domain.job import JobState, RunningTask, TaskKey
from app.domain.reference import Reference, Repository
from app.domain.rule import Rule
from app.domain.watch import JobPlace, Watch

HOST = "registry.example:5000"
D1, D2, D3, CHILD = (f"sha256:{digit * 64}" for digit in "123c")

WATCH = Watch(
    name="app",
    registry="main",
    repository=Repository.of(HOST, "team/app"),
    place=JobPlace(region="", namespace="default", job_id="app"),
    task="server",
)


def task(image: str = ":v1.0.0", *, group: str = "app", name: str = "server", **fields: Any) -> RunningTask:
    """A task that runs `team/app` IMAGE of the watched registry."""
    text = f"{HOST}/team/app{image}" if image.startswith((":", "@")) or not image else image
    return RunningTask(
        key=TaskKey(group=group, task=name), image=text, **{"reference": Reference.parse(text), **fields}
    )


def job(*tasks: RunningTask, **fields: Any) -> JobState:
    """A job with these tasks."""
    return JobState(
        **{"index": 7, "create_index": 3, "version": 1, "submitted_at": 0.0, "tasks": tasks or (task(),), **fields}
    )


def knows(*tasks: tuple[RunningTask, str], **fields: Any) -> History:
    """A history that has recorded these digests for the running images of the tasks."""
    digests = {normalised(each.reference): digest for each, digest in tasks if each.reference}
    return History(digests=digests, **fields)


def case(**fields: Any) -> Case:
    """v1.0.0 runs with digest D1, v1.1.0 with digest D2 is desired, and nothing holds it."""
    usual = Case(
        watch=WATCH,
        rule=Rule(),
        auto_deploy=True,
        paused=False,
        job=job(),
        desired=Desired(tag="v1.1.0", digest=D2),
        history=knows((task(), D1)),
    )
    return replace(usual, **fields)
