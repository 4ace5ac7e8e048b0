"""A launch of a new image, its patch and its registration, and the rollout that has them."""

from uuid import UUID

from app.domain.job import JobPatch, JobState, Submission, TaskChange, TaskKey
from app.domain.rollout import Outcome, OutcomeKind
from app.services.reconcile.claim import Claim, LaunchItem
from app.services.reconcile.result import Launch
from tests.integration.reconcile.target import D1, D2, IMAGE, KEY, Around

TASK = TaskKey(group="app", task="server")
PATCH = JobPatch(changes={TASK: TaskChange(image=IMAGE)}, expected_index=7)
LAUNCH = Launch(
    rollout_id=UUID(int=5),
    reuse=False,
    items=(LaunchItem(watch="app", tag="v1.1.0", digest=D2, forced=False),),
    from_images={"app": {KEY: "before"}},
    before={"app": ("v1.0.0", D1)},
    message={"app": "v1.1.0 follows v1.0.0"},
    task_watches={TASK: "app"},
    identities={TASK: f"{IMAGE}@{D2}"},
    patch=PATCH,
)
SUPERSEDED = Outcome(kind=OutcomeKind.SUPERSEDED, reason="never registered")
JOB = JobState(index=7, create_index=3, version=1, submitted_at=0.0, tasks=())
SUBMISSION = Submission(index=9, evaluation_id="e", warnings="old field")
ROLLOUTS = "SELECT * FROM rollouts ORDER BY intent"


async def waiting(around: Around) -> int:
    """Another target that waits for a slot, and is due in an hour."""
    target = await around.add("waiting")
    await around.run(
        "UPDATE targets SET queued_since = now(), due_at = now() + interval '1 hour' WHERE target_id = $1", target
    )
    return target


async def requested(around: Around) -> tuple[int, UUID, Claim]:
    target = await around.add()
    await around.run("UPDATE targets SET outage = 'away', attempts = 3")
    await around.run('UPDATE watches SET drifted_at = now(), drift_images = \'{"a": "b"}\', rebaseline = true')
    rollout = await around.add_rollout(target, number=2)
    return target, rollout, await around.claim(target)
