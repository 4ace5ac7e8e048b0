"""Leases that end by the wrong clock, and writes of a holder that lost its lease."""

from tests.planted.bug import Bug, Change

_TARGETS = "tests/integration/leases/test_target_holder_returns.py"
_ROLLOUTS = "tests/integration/leases/test_rollout_holder_returns.py::test_who_lost_the_lease_writes_nothing"
_CLOCKS = "tests/integration/leases/test_wrong_clocks.py"

_ROLLOUT_STORE = "app/adapters/postgres/rollout/rollouts.py"
_HOST_CLOCK = 'time.time() - await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")'

BUGS = (
    Bug(
        name="host clock in leases of targets",
        changes=(
            Change(
                file="app/adapters/postgres/reconcile/claim_rows.py",
                old="from collections.abc import Sequence\n",
                new="import time\nfrom collections.abc import Sequence\n",
            ),
            Change(
                file="app/adapters/postgres/reconcile/claim_rows.py",
                old="    target = await connection.fetchrow(_CLAIM, target_id, token, lease_seconds)\n",
                new=f"""\
    lease_seconds += {_HOST_CLOCK}
    target = await connection.fetchrow(_CLAIM, target_id, token, lease_seconds)
""",
            ),
        ),
        tests=(
            f"{_CLOCKS}::test_a_lease_is_held_for_its_time_and_no_longer[behind-_target]",
            f"{_CLOCKS}::test_an_expired_lease_is_free[ahead-_target]",
        ),
    ),
    Bug(
        name="host clock in leases of rollouts",
        changes=(
            Change(
                file=_ROLLOUT_STORE,
                old="from collections.abc import Sequence\n",
                new="import time\nfrom collections.abc import Sequence\n",
            ),
            Change(
                file=_ROLLOUT_STORE,
                old="            row = await connection.fetchrow(_CLAIM, rollout_id, uuid4(), lease_seconds)\n",
                new=f"""\
            lease_seconds += {_HOST_CLOCK}
            row = await connection.fetchrow(_CLAIM, rollout_id, uuid4(), lease_seconds)
""",
            ),
        ),
        tests=(
            f"{_CLOCKS}::test_a_lease_is_held_for_its_time_and_no_longer[behind-_rollout]",
            f"{_CLOCKS}::test_an_expired_lease_is_free[ahead-_rollout]",
        ),
    ),
    Bug(
        name="no lease fence",
        changes=(
            Change(
                file="app/adapters/postgres/reconcile/leases.py",
                old="WHERE target_id = $1 AND lease_token = $2 AND lease_until >= clock_timestamp() FOR UPDATE",
                new="WHERE target_id = $1 AND $2::uuid IS NOT NULL FOR UPDATE",
            ),
        ),
        tests=(f"{_TARGETS}::test_what_it_found_is_void[_settle-another has it]",),
    ),
    Bug(
        name="a lease fence that holds after the lease has expired",
        changes=(
            Change(
                file="app/adapters/postgres/reconcile/leases.py",
                old="lease_token = $2 AND lease_until >= clock_timestamp() FOR UPDATE",
                new="lease_token = $2 FOR UPDATE",
            ),
        ),
        tests=(f"{_TARGETS}::test_what_it_found_is_void[_settle-nobody has it]",),
    ),
    Bug(
        name="unfenced write: a digest that was found",
        changes=(
            Change(
                file="app/adapters/postgres/reconcile/targets.py",
                old="target_id = $5 AND lease_token = $6 AND lease_until >= clock_timestamp() FOR KEY SHARE",
                new="target_id = $5 AND $6::uuid IS NOT NULL FOR KEY SHARE",
            ),
        ),
        tests=(f"{_TARGETS}::test_what_it_found_is_void[_record_resolved-another has it]",),
    ),
    Bug(
        name="unfenced write: the release after a registration",
        changes=(
            Change(
                file="app/adapters/postgres/reconcile/targets.py",
                old="            if held:\n",
                new="            if True:\n",
            ),
            Change(
                file="app/adapters/postgres/reconcile/leases.py",
                old="WHERE target_id = $1 AND lease_token = $2\nRETURNING CASE",
                new="WHERE target_id = $1 AND $2::uuid IS NOT NULL\nRETURNING CASE",
            ),
        ),
        tests=(f"{_TARGETS}::test_its_registration_is_recorded_and_leaves_the_lease_to_the_other",),
    ),
    Bug(
        name="unfenced write: the pause of a rollout",
        changes=(
            Change(
                file=_ROLLOUT_STORE,
                old="WHERE r.rollout_id = $1 AND r.lease_token = $2 AND r.state",
                new="WHERE r.rollout_id = $1 AND $2::uuid IS NOT NULL AND r.state",
            ),
        ),
        tests=(f"{_ROLLOUTS}[_wait]",),
    ),
    Bug(
        name="unfenced write: the end of a rollout",
        changes=(
            Change(
                file=_ROLLOUT_STORE,
                old="WHERE rollout_id = $1 AND lease_token = $2 AND ended_at IS NULL FOR UPDATE",
                new="WHERE rollout_id = $1 AND $2::uuid IS NOT NULL AND ended_at IS NULL FOR UPDATE",
            ),
        ),
        tests=(f"{_ROLLOUTS}[_succeed]", f"{_ROLLOUTS}[_fail]", f"{_ROLLOUTS}[_follow_revert]"),
    ),
)
