"""Sample values of everything that a page shows: a watch, a decision, a rollout with its items, a deployment."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.domain.decision import HoldReason
from app.domain.reference import Repository
from app.domain.rollout import Origin, OutcomeKind, RolloutState
from app.domain.running import RunningImage
from app.domain.watch import JobPlace, Watch
from app.services.commands.rollout_commands import (
    RevertibleItem,
    RevertibleRollout,
)
from app.services.views.queries import (
    DecisionView,
    RolloutItem,
    RolloutSummary,
    RolloutView,
    TaskView,
    WatchView,
)
from tests.fakes.registry import digest_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


COMMIT = "0123456789abcdef0123456789abcdef01234567"


PLACE = JobPlace(region="", namespace="default", job_id="web")


SUMMARY = RolloutSummary(
    rollout_id=UUID(int=7),
    state=RolloutState.ENDED,
    outcome=OutcomeKind.FAILED,
    reason="an allocation failed: exit code 1",
    note="",
    origin=Origin.DEPLOY,
    requested_by="ann",
    what="app v1.1.0",
    created_at=NOW - timedelta(hours=1),
    ended_at=NOW,
)


ROLLOUT = RolloutView(
    summary=SUMMARY,
    place=PLACE,
    items=(
        RolloutItem(
            watch="app",
            tag="v1.1.0",
            digest=digest_of("v1.1.0"),
            forced=True,
            message="a person asked for v1.1.0",
            from_images={"web/server": "team/app:v1.0.0"},
        ),
    ),
    changes={"web/server": f"team/app:v1.1.0@{digest_of('v1.1.0')}"},
    submitted_at=NOW,
    evaluation_id="4b8f",
    warnings="",
)


DECISION = DecisionView(
    reason=HoldReason.UP_TO_DATE,
    message="v1.1.0 runs",
    tag="v1.1.0",
    digest=digest_of("v1.1.0"),
    reconciles=3,
    first_at=NOW - timedelta(hours=1),
    last_at=NOW,
    rollout_id=None,
)


WATCH = WatchView(
    name="app",
    registry="main",
    repository="registry.example/team/app",
    place=PLACE,
    task="server",
    pinned_tag="",
    auto_deploy=True,
    observe_only=False,
    desired="v1.1.0",
    desired_digest=digest_of("v1.1.0"),
    tags=(f"branch-{COMMIT}", "v1.0.0", "v1.1.0"),
    tags_read_at=NOW,
    specified=(TaskView(task="web/server", image="team/app:v1.1.0", tag="v1.1.0", digest=digest_of("v1.1.0")),),
    running=(RunningImage(tag="v1.1.0", digest=digest_of("v1.1.0"), running=2),),
    allocation_count=2,
    decision=DECISION,
    rollout=SUMMARY,
    registry_outage=None,
    job_outage=None,
    due=False,
)


# What a watch has before its first reconcile.
NEVER_CHECKED: dict[str, Any] = {
    "decision": None,
    "rollout": None,
    "specified": (),
    "running": (),
    "allocation_count": None,
    "desired": "",
    "desired_digest": "",
}


def watch_named(name: str) -> Watch:
    repository = Repository.of("registry.example", "team/app")
    return Watch(name=name, registry="main", repository=repository, place=PLACE, task="server")


PAST = RevertibleRollout(
    rollout_id=SUMMARY.rollout_id,
    target_id=1,
    what="app v1.1.0",
    origin=Origin.RULE,
    registered=True,
    outcome=OutcomeKind.SUCCEEDED,
    newest=SUMMARY.rollout_id,
    undone_by_rollout=None,
    undone_by_us=False,
    undoing="",
    items=(
        RevertibleItem(
            name="app",
            watch=watch_named("app"),
            tag="v1.1.0",
            digest=digest_of("v1.1.0"),
            from_tag="v1.0.0",
            from_digest=digest_of("v1.0.0"),
            running=digest_of("v1.1.0"),
        ),
    ),
)
