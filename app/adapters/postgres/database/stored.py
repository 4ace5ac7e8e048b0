"""Values in jsonb columns: each has one writer and, beside it, one reader for the rows of any version.

Versions may run side by side. A reader reads keys by name, ignores unknown keys, and has a default for each
missing key. Maps of text to text need no reader.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from app.adapters.postgres.notify.notifications import storable
from app.domain.deployment import DeploymentPhase, DeploymentState, Diagnosis, LogTail, RunningSince
from app.domain.event import Oddity
from app.domain.history import Image, InFlight, RecordedTask
from app.domain.job import Submission, TaskChange, TaskKey
from app.domain.rollout import Returning
from app.domain.running import RunningImage
from app.services.processes.loops import LoopState
from app.services.views.queries import TaskView

Stored = Mapping[str, Any]

_MAX_DESCRIPTION = 1000
_MAX_PROBLEM = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChange:
    """One task of `rollouts.changes`: which watch changes it, to which image, and that image's normalised name."""

    key: TaskKey
    watch: str
    identity: str
    change: TaskChange


def write_changes(changes: Iterable[StoredChange]) -> list[dict[str, Any]]:
    """For `rollouts.changes`."""
    return [
        {
            "group": each.key.group,
            "task": each.key.task,
            "key": str(each.key),
            "watch": each.watch,
            "identity": each.identity,
            "image": each.change.image,
            "marker": each.change.marker,
            "force_pull": each.change.force_pull,
        }
        for each in changes
    ]


def read_changes(stored: Sequence[Stored]) -> tuple[StoredChange, ...]:
    """From `rollouts.changes`. The task's key is written twice: either is enough."""
    return tuple(
        StoredChange(
            key=_task_key(each),
            watch=each.get("watch", ""),
            identity=each.get("identity", ""),
            change=TaskChange(
                image=each.get("image", ""), marker=each.get("marker"), force_pull=each.get("force_pull", False)
            ),
        )
        for each in stored
    )


def _task_key(stored: Stored) -> TaskKey:
    group, _, task = stored.get("key", "").partition("/")
    return TaskKey(group=stored.get("group", group), task=stored.get("task", task))


def write_deployment(deployment: DeploymentState) -> dict[str, Any]:
    """For `rollouts.deployment`."""
    return {**asdict(deployment), "description": storable(deployment.description, _MAX_DESCRIPTION)}


def read_deployment(stored: Stored) -> DeploymentState | None:
    """From `rollouts.deployment`; None where no deployment was found yet."""
    if not stored.get("deployment_id"):
        return None
    return DeploymentState(
        deployment_id=stored["deployment_id"],
        phase=DeploymentPhase(stored.get("phase", DeploymentPhase.ACTIVE)),
        description=stored.get("description", ""),
        desired=stored.get("desired", 0),
        placed=stored.get("placed", 0),
        healthy=stored.get("healthy", 0),
        unhealthy=stored.get("unhealthy", 0),
        canaries=stored.get("canaries", 0),
        awaits_promotion=stored.get("awaits_promotion", False),
        paused=stored.get("paused", False),
        reverted_to=stored.get("reverted_to"),
        deadline_passed=stored.get("deadline_passed", False),
    )


def write_diagnosis(diagnosis: Diagnosis) -> dict[str, Any]:
    """For `rollouts.diagnosis`."""
    return asdict(diagnosis)


def read_diagnosis(stored: Stored) -> Diagnosis | None:
    """From `rollouts.diagnosis`; None where nothing was diagnosed."""
    if not stored:
        return None
    return Diagnosis(
        findings=tuple(stored.get("findings", ())),
        logs=tuple(
            LogTail(task=each.get("task", ""), allocation_id=each.get("allocation_id", ""), text=each.get("text", ""))
            for each in stored.get("logs", ())
        ),
        logs_denied=stored.get("logs_denied", False),
    )


def write_returning(returning: Returning) -> dict[str, Any]:
    """For `rollouts.reverting`."""
    return {
        "index": returning.submission.index,
        "evaluation_id": returning.submission.evaluation_id,
        "version": returning.version,
        "reason": returning.reason,
        "cause": returning.cause,
    }


def read_returning(stored: Stored | None) -> Returning | None:
    """From `rollouts.reverting`; None where Nomad did not revert."""
    if stored is None:
        return None
    return Returning(
        submission=Submission(index=stored.get("index", 0), evaluation_id=stored.get("evaluation_id", "")),
        version=stored.get("version", 0),
        reason=stored.get("reason", ""),
        cause=stored.get("cause", ""),
    )


def write_running_since(seen: Mapping[str, RunningSince]) -> dict[str, Any]:
    """For `rollouts.running_since`."""
    return {key: {"started": each.started, "at": each.at.timestamp()} for key, each in seen.items()}


def read_running_since(stored: Stored) -> Mapping[str, RunningSince]:
    """From `rollouts.running_since`."""
    return {
        key: RunningSince(started=each.get("started", 0.0), at=datetime.fromtimestamp(each.get("at", 0.0), UTC))
        for key, each in stored.items()
    }


def write_in_flight(in_flight: Iterable[InFlight]) -> list[dict[str, Any]]:
    """For `watches.in_flight`; a statement that ends a rollout writes the same keys."""
    return [asdict(each) for each in in_flight]


def read_in_flight(stored: Sequence[Stored]) -> tuple[InFlight, ...]:
    """From `watches.in_flight`."""
    return tuple(
        InFlight(
            index=each.get("index", 0),
            key=each.get("key", ""),
            identity=each.get("identity", ""),
            digest=each.get("digest", ""),
            tag=each.get("tag", ""),
        )
        for each in stored
    )


def write_specified(tasks: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """For `watches.specified`: one map for each task, with the keys task, image, identity, tag and digest."""
    return [dict(each) for each in tasks]


def read_specified(stored: Sequence[Stored]) -> tuple[TaskView, ...]:
    """From `watches.specified`, for pages: without the identity."""
    return tuple(
        TaskView(
            task=each.get("task", ""),
            image=each.get("image", ""),
            tag=each.get("tag", ""),
            digest=each.get("digest", ""),
        )
        for each in stored
    )


def write_running(images: Iterable[RunningImage]) -> list[dict[str, Any]]:
    """For `watches.running`."""
    return [asdict(each) for each in images]


def read_running(stored: Sequence[Stored]) -> tuple[RunningImage, ...]:
    """From `watches.running`."""
    return tuple(
        RunningImage(
            tag=each.get("tag", ""),
            digest=each.get("digest", ""),
            running=each.get("running", 0),
            canaries=each.get("canaries", 0),
            starting=each.get("starting", 0),
            stopping=each.get("stopping", 0),
        )
        for each in stored
    )


def read_recorded(stored: Sequence[Stored]) -> tuple[RecordedTask, ...]:
    """From `watches.specified`, for the rules."""
    return tuple(
        RecordedTask(
            task=each.get("task", ""),
            identity=each.get("identity"),
            tag=each.get("tag", ""),
            digest=each.get("digest", ""),
        )
        for each in stored
    )


def write_images(images: Iterable[Image]) -> list[dict[str, str]]:
    """For `watches.period_images`."""
    return [asdict(each) for each in sorted(images)]


def read_images(stored: Sequence[Stored]) -> frozenset[Image]:
    """From `watches.period_images`."""
    return frozenset(Image(tag=each.get("tag", ""), digest=each.get("digest", "")) for each in stored)


def write_loops(loops: Iterable[LoopState]) -> list[dict[str, Any]]:
    """For `processes.loops`."""
    return [{**asdict(each), "problem": storable(each.problem, _MAX_PROBLEM)} for each in loops]


def read_loops(stored: Sequence[Stored]) -> tuple[LoopState, ...]:
    """From `processes.loops`."""
    return tuple(
        LoopState(
            name=each.get("name", ""),
            late=each.get("late", 0.0),
            problem=each.get("problem", ""),
            is_stalled=each.get("is_stalled", False),
            is_step=each.get("is_step", False),
        )
        for each in stored
    )


def write_oddities(oddities: Iterable[Oddity]) -> list[dict[str, str]]:
    """For `deliveries.oddities`."""
    return [asdict(each) for each in oddities]


def read_oddities(stored: Sequence[Stored]) -> tuple[Oddity, ...]:
    """From `deliveries.oddities`."""
    return tuple(Oddity(where=each.get("where", ""), problem=each.get("problem", "")) for each in stored)
