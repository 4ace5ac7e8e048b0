"""One pass over a target: when it reads the job or asks the registry, and what it stores of them."""

from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.errors import RegistryUnavailable
from app.refusals.samples import D1, D2, NOW, claim, job, knows, state, task
from app.services.reconcile.result import Written
from tests.unit.services.reconcile.looks import QUEUED, READ
from tests.unit.services.reconcile.passes import LIMITED, SUBMISSION, a_pass, unchanged
from tests.unit.services.reconcile.values import item, open_rollout


async def test_a_target_that_is_not_due_or_leased_is_left_alone() -> None:
    found = a_pass()
    found.targets.claimed = None
    assert await found.run() is False
    assert (found.targets.calls, found.deployer.asked, found.registry.asked) == ([], [], 0)


async def test_a_new_image_is_stored_as_a_launch_and_registered() -> None:
    found = a_pass()
    assert await found.run() is True
    result = found.targets.result
    assert result.launch is not None
    assert (result.launch.patch.expected_index, result.job, result.job_read) == (7, job(), True)
    assert found.targets.calls[-1] == ("submitted", result.launch.rollout_id, result.launch.patch, SUBMISSION)
    assert found.deployer.asked == ["inspect", "submit"]
    assert found.waker.wakes == [("follow", str(result.launch.rollout_id))]
    assert (result.requeue_in, result.attempts, result.poll_in, result.queued) == (None, 0, None, False)


async def test_a_launch_that_was_overtaken_is_not_registered() -> None:
    found = a_pass()
    found.targets.written = Written(overtaken=True, due_in=0.0)
    await found.run()
    assert found.deployer.asked == ["inspect"]
    assert found.waker.wakes == [("reconcile", "1")]


@pytest.mark.parametrize(
    ("fields", "reads"),
    [
        ({}, False),
        ({"job_read_at": None}, True),
        ({"job_read_at": NOW - timedelta(seconds=299)}, False),
        ({"job_read_at": NOW - timedelta(seconds=300)}, True),
        ({"job_read_at": NOW - timedelta(seconds=900), "follows_job": True}, False),
        ({"job_read_at": NOW - timedelta(seconds=900), "nomad_outage": True}, False),
        ({"inspect_job": True}, True),
        ({"foreign_progress": "d 1"}, True),
        ({"rollout": open_rollout(item())}, True),
        ({"watches": (state(history=knows((task(), D1), not_placed=D2)),)}, True),
        ({"queued_since": NOW}, True),
        ({**QUEUED, "polled": True}, False),
    ],
)
async def test_the_job_is_read_only_if_something_may_have_changed(fields: dict[str, Any], reads: bool) -> None:
    found = unchanged(claim(**{**READ, **fields}), fleet=LIMITED)
    await found.run()
    assert ("inspect" in found.deployer.asked) is reads
    assert found.targets.result.job_read is reads


async def test_a_registry_that_shows_no_change_leaves_all_as_it_was() -> None:
    found = unchanged(claim(**READ))
    await found.run()
    result = found.targets.result
    (watch,) = result.watches
    assert watch.resolved is not None
    assert (watch.watch, watch.decision, watch.resolved.tag, watch.resolved.digest) == ("app", None, "v1.0.0", D1)
    assert watch.resolved.tags == ("v1.0.0",)
    assert (result.requeue_in, result.attempts, result.poll_in, result.queued) == (None, 0, None, None)


async def test_a_registry_that_shows_a_change_makes_the_job_be_read() -> None:
    found = a_pass(claim(**READ))
    await found.run()
    assert found.deployer.asked == ["inspect", "submit"]
    assert [call[0] for call in found.targets.calls].count("record_resolved") == 1


async def test_an_outage_of_a_registry_is_stored_and_asked_again_ever_more_rarely() -> None:
    for claimed in (claim(**READ, attempts=2), claim(attempts=2)):
        found = unchanged(claimed)
        found.registry.outage = RegistryUnavailable("main is away", retry_after=7.0)
        await found.run()
        result = found.targets.result
        (watch,) = result.watches
        assert (watch.outage, watch.decision, watch.resolved) == ("main is away", None, None)
        assert (result.requeue_in, result.attempts, result.poll_in) == (7.0, 3, 7.0)


async def test_a_running_image_that_the_registry_lacks_is_named_while_nothing_is_deployed() -> None:
    held = state(auto_deploy=False)
    found = a_pass(claim(held))
    found.registry.images["team/app"] = {"v1.1.0": D2}
    await found.run()
    (watch,) = found.targets.result.watches
    assert watch.missing_image is not None
    assert "runs v1.0.0, which registry main no longer has" in watch.missing_image
    deploying = a_pass()
    deploying.registry.images["team/app"] = {"v1.1.0": D2}
    await deploying.run()
    assert deploying.targets.result.watches[0].missing_image is None


async def test_an_end_that_is_written_wakes_whom_it_concerns() -> None:
    found = unchanged()
    found.targets.written = Written(due_in=1.0, woken=(5,), notification_delivery_ids=(8,))
    await found.run()
    assert found.waker.wakes == [("reconcile", "1"), ("reconcile", "5"), ("notify", "8")]


async def test_the_log_names_what_was_decided_and_registered() -> None:
    found = a_pass()
    found.targets.written = Written(decided=frozenset({"app"}))
    with capture_logs() as logs:
        await found.run()
    launch = found.targets.result.launch
    assert launch is not None
    rollout = {"target": 1, "rollout": str(launch.rollout_id), "what": ["team/app:v1.1.0"], "log_level": "info"}
    decided = {"target": 1, "watch": "app", "tag": "v1.1.0", "digest": D2, "message": "v1.1.0 follows v1.0.0"}
    assert logs == [
        {"event": "decision.made", "log_level": "info", **decided},
        {"event": "rollout.submitting", **rollout},
        {"event": "rollout.submitted", "index": 9, **rollout},
    ]


@pytest.mark.parametrize(("written", "levels"), [(Written(), ["debug"]), (Written(overtaken=True), [])])
async def test_a_decision_that_is_not_new_or_was_not_written_is_no_news(written: Written, levels: list[str]) -> None:
    found = unchanged()
    found.targets.written = written
    with capture_logs() as logs:
        await found.run()
    assert [each["log_level"] for each in logs if each["event"] == "decision.made"] == levels
