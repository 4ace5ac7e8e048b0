"""Sample values of a reconcile: a job that runs v1.0.0 while v1.1.0 is desired, and no reason to hold."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.bootstrap.values import patience, reconcile_settings
from app.domain.decision import Case
from app.domain.history import Desired, History, normalised
from app.domain.job import Allocations, JobState, Placement, SpecifiedTask, TaskKey
from app.domain.left_out import TagList
from app.domain.reference import Reference, Repository
from app.domain.rollout import Origin
from app.domain.rule import Rule
from app.domain.watch import JobPlace, Watch
from app.services.reconcile.claim import Claim, LaunchItem, OpenRollout, WatchState
from app.services.reconcile.resolve import ResolvedWatch
from app.services.reconcile.resolver import Resolved
from app.settings import load_settings

HOST = "registry.example:5000"
D1, D2 = (f"sha256:{digit * 64}" for digit in "12")
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROLLOUT = UUID(int=7)

_SETTINGS = load_settings(None, {"REGISTRYWATCHER_DATABASE_URL": "postgresql://nobody@127.0.0.1/nothing"}, places=())
RECONCILE_SETTINGS = reconcile_settings(_SETTINGS)
PATIENCE = patience(_SETTINGS)

WATCH = Watch(
    name="app",
    registry="main",
    repository=Repository.of(HOST, "team/app"),
    place=JobPlace(region="", namespace="default", job_id="app"),
    task="server",
)


def task(image: str = ":v1.0.0", *, group: str = "app", name: str = "server", **fields: Any) -> SpecifiedTask:
    """A task with the image `team/app` plus `image` in the watched registry, or with the full reference `image`."""
    text = f"{HOST}/team/app{image}" if image.startswith((":", "@")) or not image else image
    return SpecifiedTask(
        key=TaskKey(group=group, task=name), image=text, **{"reference": Reference.parse(text), **fields}
    )


def job(*tasks: SpecifiedTask, **fields: Any) -> JobState:
    """A job with these tasks; two allocations of each group run."""
    tasks = tasks or (task(),)
    groups = sorted({each.key.group for each in tasks})
    runs = tuple(
        Allocations(group=group, version=1, tasks=tuple(each for each in tasks if each.key.group == group), running=2)
        for group in groups
    )
    usual = JobState(
        index=7,
        create_index=3,
        version=1,
        submitted_at=0.0,
        tasks=tasks,
        placement=Placement(allocations=runs, counts=dict.fromkeys(groups, 2)),
    )
    return replace(usual, **fields)


def knows(*tasks: tuple[SpecifiedTask, str], **fields: Any) -> History:
    """A history that recorded these digests for the tasks' images."""
    digests = {normalised(each.reference): digest for each, digest in tasks if each.reference}
    return History(digests=digests, **fields)


def case(**fields: Any) -> Case:
    """v1.0.0 runs with digest D1, v1.1.0 with digest D2 is desired."""
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


def state(**fields: Any) -> WatchState:
    """A watch that was reconciled before: v1.0.0 with digest D1 was desired, and ran."""
    usual = WatchState(
        watch=WATCH,
        rule=Rule(),
        auto_deploy=True,
        tags=("v1.0.0",),
        tags_read_at=NOW,
        desired_tag="v1.0.0",
        desired_digest=D1,
        specified_tags=("v1.0.0",),
        job_create_index=3,
        history=knows((task(), D1)),
        rebaseline=False,
        drifted_at=None,
        drift_images={},
        newest_found_at=None,
        commanded_at=None,
        events=(),
    )
    return replace(usual, **fields)


def resolved_watches() -> ResolvedWatch:
    """The watch, and a registry that has v1.1.0 for it."""
    desired = Desired(tag="v1.1.0", digest=D2)
    known = state()
    resolved = Resolved(listed=TagList(tags=(desired.tag,)), desired=desired, digests={desired.tag: desired.digest})
    return ResolvedWatch(state=known, resolved=resolved, history=known.history, requested=None)


def claim(*states: WatchState, **fields: Any) -> Claim:
    """The target under a lease with these watches, without a rollout."""
    usual = Claim(
        target_id=1,
        token=UUID(int=9),
        place=WATCH.place,
        generation=1,
        now=NOW,
        inspect_job=True,
        polled=False,
        attempts=0,
        paused=False,
        job_read_at=None,
        foreign_progress="",
        foreign_since=None,
        stalled_index=0,
        outage="",
        watches=states or (state(),),
        rollout=None,
    )
    return replace(usual, **fields)


def open_rollout(*items: LaunchItem, origin: Origin = Origin.RULE, submitted: bool = False) -> OpenRollout:
    """A rollout that is not registered yet."""
    return OpenRollout(rollout_id=ROLLOUT, origin=origin, submitted=submitted, patch=None, items=items)


def item() -> LaunchItem:
    """The item of a rollout for the watch."""
    return LaunchItem(watch="app", tag="v1.1.0", digest=D2, forced=False)
