"""Rows that two transactions lock in different orders."""

from tests.planted.bug import Bug, Change

_ORDER = "tests/integration/database/test_lock_order.py"

BUGS = (
    Bug(
        name="no lock order: a target before its watches and rollouts",
        changes=(
            Change(
                file="app/adapters/postgres/database/targets.py",
                old="WHERE target_id = {target_id} FOR NO KEY UPDATE",
                new="WHERE target_id = {target_id}",
            ),
        ),
        tests=(
            f"{_ORDER}::test_a_command_while_a_reconcile_ends_the_rollout_that_it_supersedes",
            f"{_ORDER}::test_a_command_while_the_end_of_the_rollout_is_written",
        ),
    ),
    Bug(
        name="no lock order: events by their identity",
        changes=(
            Change(
                file="app/adapters/postgres/ingest/delivery_rows.py",
                old='    sent.sort(key=lambda each: (each[0].source, each[1].event_id or ""))\n',
                new="",
            ),
        ),
        tests=(f"{_ORDER}::test_two_processes_that_receive_the_same_events_in_another_order",),
    ),
)
