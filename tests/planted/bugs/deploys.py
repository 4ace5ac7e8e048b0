"""Rollouts that are taken for done, or for another one."""

from tests.planted.bug import Bug, Change

BUGS = (
    Bug(
        name="advance deployed while off",
        changes=(
            Change(
                file="app/services/reconcile/resolve.py",
                old="        if identity(task) not in digests:\n",
                new="        if identity(task) not in digests or not state.auto_deploy:\n",
            ),
        ),
        tests=(
            "tests/behaviour/commands/test_switch.py"
            "::test_a_digest_that_was_found_while_auto_deploy_is_off_does_not_count_as_deployed",
        ),
    ),
    Bug(
        name="identity without an intent number",
        changes=(
            Change(
                file="app/services/reconcile/launch.py",
                old="from uuid import uuid4\n",
                new="from uuid import NAMESPACE_OID, uuid5\n",
            ),
            Change(
                file="app/services/reconcile/launch.py",
                old="else uuid4()\n",
                new="else uuid5(NAMESPACE_OID, repr(items))\n",
            ),
        ),
        tests=(
            "tests/behaviour/rollout/test_rollouts.py::test_each_return_of_a_tag_to_a_digest_is_a_rollout_of_its_own",
        ),
    ),
    Bug(
        name="an older intent overwrites a newer one",
        changes=(
            Change(
                file="app/adapters/postgres/rollout/registrations.py",
                old="WHERE r.rollout_id = $1 AND w.expected_intent <= r.intent ",
                new="WHERE r.rollout_id = $1 ",
            ),
        ),
        tests=(
            "tests/integration/leases/test_target_holder_returns.py"
            "::test_its_registration_of_an_older_intent_is_not_what_the_watch_expects",
        ),
    ),
)
