"""Messages that come too early, are tried again, or are never repeated once they were lost."""

from tests.planted.bug import Bug, Change

_ONCE = "tests/integration/wakeup/test_messages_are_tried_once.py"
_SWEEPERS = "tests/integration/wakeup/test_sweepers.py"
_ALONE = f"{_SWEEPERS}::test_it_wakes_again_while_no_other_process_runs"

BUGS = (
    Bug(
        name="ring before commit",
        changes=(
            Change(
                file="app/services/reconcile/register.py",
                old="""\
    written = await reconciler.targets.submitted(claim, launch.rollout_id, launch.patch, submission)
    log.info("rollout.submitted", **_named(claim, launch.rollout_id, launch.items), index=submission.index)
    reconciler.waker.wake(FOLLOW, str(launch.rollout_id))
""",
                new="""\
    reconciler.waker.wake(FOLLOW, str(launch.rollout_id))
    written = await reconciler.targets.submitted(claim, launch.rollout_id, launch.patch, submission)
""",
            ),
        ),
        tests=(
            "tests/behaviour/wakeup/test_wake_after_commit.py"
            "::test_a_push_goes_to_the_end_of_its_rollout_by_wakes_alone",
        ),
    ),
    Bug(
        name="stock retries",
        changes=(
            Change(file="app/adapters/broker.py", old="Retries(max_retries=0)", new="Retries()"),
            Change(file="workers/actors.py", old="priority=priority, max_retries=0,", new="priority=priority,"),
        ),
        tests=(
            f"{_ONCE}::test_a_cancelled_step_is_left_to_the_sweeper",
            f"{_ONCE}::test_an_actor_that_says_nothing_of_retries_has_none",
        ),
    ),
    Bug(
        name="max_retries = 3",
        changes=(Change(file="workers/actors.py", old="max_retries=0", new="max_retries=3"),),
        tests=(f"{_ONCE}::test_a_cancelled_step_is_left_to_the_sweeper",),
    ),
    Bug(
        name="no sweeper in the worker",
        changes=(
            Change(
                file="workers/worker.py",
                old="""\
        self._sweeper = asyncio.create_task(
            sweep_forever(services.schedule, services.waker, loop=self.app.loops.add(Loop("sweep")))
        )
""",
                new="",
            ),
        ),
        tests=(f"{_SWEEPERS}::test_a_worker_finds_a_push_of_which_no_message_reached_it",),
    ),
    Bug(
        name="no sweeper in the web",
        changes=(
            Change(
                file="app/asgi.py",
                old='sweep_forever(services.schedule, services.waker, loop=process.loops.add(Loop("sweep")))',
                new="asyncio.sleep(0)",
            ),
        ),
        tests=(f"{_ALONE}[web]",),
    ),
    Bug(
        name="no sweeper in the poller",
        changes=(
            Change(
                file="workers/poller.py",
                old='        sweep_forever(schedule, waker, loop=add(Loop("sweep"))),\n',
                new="",
            ),
        ),
        tests=(f"{_ALONE}[poller]",),
    ),
)
