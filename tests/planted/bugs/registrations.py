"""Registrations in Nomad that overwrite somebody else's, or are made twice."""

from tests.planted.bug import Bug, Change

BUGS = (
    Bug(
        name="no EnforceIndex",
        changes=(
            Change(
                file="app/adapters/nomad/register/registration.py",
                old='"EnforceIndex": True',
                new='"EnforceIndex": False',
            ),
        ),
        tests=(
            "tests/contract/deployer/test_race.py::test_of_many_writers_with_one_index_one_wins",
            "tests/behaviour/reconcile/test_drift.py::test_a_count_that_changes_just_before_our_write_is_kept",
        ),
    ),
    Bug(
        name="no read-back",
        changes=(
            Change(
                file="app/adapters/nomad/register/settling.py",
                old="        for pause in tries:\n",
                new="        for pause in ():\n",
            ),
            Change(
                file="app/adapters/nomad/register/settling.py",
                old="        ours = self._applied(place, patch)\n",
                new="        ours: Mapping[str, Any] | None = None\n",
            ),
        ),
        tests=("tests/contract/deployer/test_race.py::test_recover_reports_what_became_of_a_patch",),
    ),
    Bug(
        name="random marker per attempt",
        changes=(
            Change(
                file="app/services/reconcile/patch.py",
                old="from uuid import UUID\n",
                new="from uuid import UUID, uuid4\n",
            ),
            Change(file="app/services/reconcile/patch.py", old="marker=rollout_id.hex if", new="marker=uuid4().hex if"),
        ),
        tests=(
            "tests/unit/services/reconcile/test_patch.py"
            "::test_a_deploy_by_tag_carries_a_marker_and_pulls_where_that_can_be_said",
        ),
    ),
)
