"""One pass over a target: when it asks a registry or Nomad, what it stores, and what it does after an error."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.domain.decision import Deploy, Hold, HoldReason
from app.domain.job import ActiveDeployment, JobPatch, JobState, Preview, Submission
from app.domain.rollout import Origin, OutcomeKind
from app.errors import JobChanged, JobRejected, NomadDenied, NomadUnavailable, RegistryUnavailable
from app.refusals.samples import D1, D2, NOW, WATCH, claim, job, knows, state, task
from app.services.reconcile.claim import Claim, OpenRollout, WatchState
from app.services.reconcile.fleet import Fleet
from app.services.reconcile.reconcile import busy_with
from app.services.reconcile.result import SlotBounds, Written
from tests.unit.domain.cases import D3
from tests.unit.services.reconcile.passes import LIMITED, OTHER, SETTINGS, SUBMISSION, Pass, a_pass, unchanged
from tests.unit.services.reconcile.values import ROLLOUT, event, item, open_rollout

PATCH = JobPatch(changes={}, expected_index=7)
READ: dict[str, Any] = {"inspect_job": False, "job_read_at": NOW - timedelta(seconds=10)}
QUEUED: dict[str, Any] = {"queued_since": NOW - timedelta(seconds=5), "others_active": 1}
FOREIGN = ActiveDeployment(deployment_id="d", job_spec_index=7, progress="1", description="1 of 2")


def decision(found: Pass) -> Hold | Deploy | None:
    (watch,) = found.targets.result.watches
    return watch.decision


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


@pytest.mark.parametrize(
    ("fields", "only_queued"),
    [
        ({}, True),
        ({"inspect_job": True}, False),
        ({"polled": True}, False),
        ({"watches": (state(events=(event(),)),)}, False),
        ({"rollout": open_rollout(item(), origin=Origin.DEPLOY)}, False),
        ({"rollout": open_rollout(item(), submitted=True)}, False),
        ({"rollout": open_rollout(item())}, True),
        ({"others_active": 0}, False),
    ],
)
async def test_a_target_that_is_due_for_a_slot_alone_asks_nobody(fields: dict[str, Any], only_queued: bool) -> None:
    found = unchanged(claim(**{**READ, **QUEUED, **fields}), fleet=LIMITED)
    await found.run()
    assert (found.registry.asked == 0) is only_queued
    if only_queued:
        result = found.targets.result
        assert (result.requeue_in, result.queued, result.watches) == (30.0, None, ())


async def test_a_target_without_a_place_in_the_queue_is_not_due_for_a_slot_alone() -> None:
    found = unchanged(claim(**READ, others_active=1), fleet=LIMITED)
    await found.run()
    assert found.registry.asked
    assert found.targets.result.requeue_in is None


async def test_a_queued_target_whose_registry_shows_no_change_stays_queued() -> None:
    found = unchanged(claim(**READ, **QUEUED, polled=True), fleet=LIMITED)
    await found.run()
    assert (found.targets.result.requeue_in, found.targets.result.queued) == (30.0, None)


async def test_a_rollout_beyond_the_limit_waits_for_a_slot() -> None:
    found = a_pass(claim(others_active=1), fleet=LIMITED)
    await found.run()
    result, held = found.targets.result, decision(found)
    assert isinstance(held, Hold)
    assert held.reason is HoldReason.QUEUED
    assert (result.queued, result.queued_last, result.requeue_in, result.launch) == (True, False, 30.0, None)
    assert result.bounds == SlotBounds(at_most=1, heeds_failures=False)
    assert found.deployer.asked == ["inspect"]


async def test_our_own_job_goes_last() -> None:
    found = a_pass(claim(others_active=1), fleet=Fleet(max_rollouts=0, stop_after_failure=False, own_job=WATCH.place))
    await found.run()
    result = found.targets.result
    assert (result.queued, result.queued_last, result.requeue_in) == (True, True, 2.0)


async def test_a_failure_elsewhere_is_heeded_if_the_fleet_stops_after_one() -> None:
    failed = state(history=knows((task(), D1), failed_elsewhere={D2: "other"}))
    for stops, reason in ((True, HoldReason.FAILED_ELSEWHERE), (False, None)):
        found = a_pass(claim(failed), fleet=Fleet(max_rollouts=0, stop_after_failure=stops, own_job=None))
        await found.run()
        held = decision(found)
        assert (held.reason if isinstance(held, Hold) else None) is reason


@pytest.mark.parametrize("answer", [None, JobChanged("the job changed")])
async def test_a_patch_that_has_not_arrived_is_registered_by_this_pass(answer: Exception | None) -> None:
    rollout = open_rollout(item(), patch=PATCH)
    found = a_pass(claim(rollout=rollout), recovered=[answer])
    await found.run()
    assert found.deployer.asked == ["recover", "inspect", "submit"]
    assert found.targets.names == ["settle", "submitted"]
    launch = found.targets.result.launch
    assert launch is not None
    assert (launch.reuse, launch.rollout_id, found.targets.result.ended) == (True, ROLLOUT, None)
    assert found.targets.result.bounds == SlotBounds(at_most=0, heeds_failures=SETTINGS.fleet.stop_after_failure)


async def test_a_patch_that_has_arrived_is_recorded_and_the_pass_is_done() -> None:
    found = a_pass(claim(rollout=open_rollout(item(), patch=PATCH)), recovered=[SUBMISSION])
    found.targets.written = Written(due_in=0.0)
    await found.run()
    assert found.targets.calls == [("submitted", ROLLOUT, PATCH, SUBMISSION)]
    assert found.deployer.asked == ["recover"]
    assert found.waker.wakes == [("follow", str(ROLLOUT)), ("reconcile", "1")]


async def test_a_patch_that_arrives_while_the_registry_is_asked_is_recorded() -> None:
    found = a_pass(claim(rollout=open_rollout(item(), patch=PATCH)), job=job(index=8), recovered=[None, SUBMISSION])
    await found.run()
    assert found.deployer.asked == ["recover", "inspect", "recover"]
    assert found.targets.names == ["submitted"]


@pytest.mark.parametrize(
    ("rollout", "found_job"),
    [
        (None, job(index=8)),
        (open_rollout(item()), job(index=8)),
        (open_rollout(item(), patch=PATCH, submitted=True), job(index=8)),
        (open_rollout(item(), patch=PATCH), job(index=7)),
    ],
)
async def test_a_patch_is_looked_for_again_only_if_the_job_moved(
    rollout: OpenRollout | None, found_job: JobState
) -> None:
    found = a_pass(claim(rollout=rollout), job=found_job)
    await found.run()
    assert found.deployer.asked.count("recover") == (
        rollout is not None and bool(rollout.patch) and not rollout.submitted
    )


async def test_a_job_that_was_purged_has_no_patch_that_arrived() -> None:
    found = a_pass(claim(rollout=open_rollout(item(), patch=PATCH)), job=None)
    await found.run()
    held = decision(found)
    assert isinstance(held, Hold)
    assert held.reason is HoldReason.UNUSABLE


@pytest.mark.parametrize(("arrived", "writes"), [(SUBMISSION, ["submitted"]), (None, ["settle", "submitted"])])
async def test_an_abandoned_patch_is_looked_for_once_more(arrived: Submission | None, writes: list[str]) -> None:
    """It may have arrived while the registries were asked: then it was registered, and is no rollout that ended."""
    rollout = open_rollout(item(tag="v1.0.5"), patch=PATCH)
    found = a_pass(claim(rollout=rollout), recovered=[None, arrived])
    await found.run()
    assert found.targets.names == writes
    if arrived is None:
        ended = found.targets.result.ended
        assert ended is not None
        assert ended.kind is OutcomeKind.SUPERSEDED


async def test_a_rollout_under_way_ends_by_its_follower_alone() -> None:
    found = unchanged(claim(rollout=open_rollout(item(), submitted=True)))
    await found.run()
    held = decision(found)
    assert isinstance(held, Hold)
    assert held.message == f"rollout {ROLLOUT} is under way; we wait for its end; a manual deploy does not wait"
    assert (found.targets.result.ended, found.targets.result.requeue_in) == (None, None)


async def test_a_request_is_registered_without_bounds_and_the_rule_within_them() -> None:
    requested = open_rollout(item(tag="v1.0.0", digest=D1, forced=True), origin=Origin.DEPLOY)
    found = a_pass(claim(rollout=requested, others_active=1), fleet=LIMITED)
    await found.run()
    assert found.targets.result.bounds is None
    assert found.deployer.asked == ["inspect", "submit"]
    following = a_pass(fleet=LIMITED)
    await following.run()
    assert following.targets.result.bounds == SlotBounds(at_most=1, heeds_failures=False)


async def test_a_request_waits_for_its_registry() -> None:
    found = unchanged(claim(rollout=open_rollout(item(), origin=Origin.DEPLOY)))
    found.registry.outage = RegistryUnavailable("main is away")
    await found.run()
    assert (found.targets.result.ended, found.targets.result.launch) == (None, None)


GIVEN_UP = state(history=knows((task(), D1), not_placed=D2))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Preview(unplaced="no memory"), "no memory"),
        (Preview(allowed=False), "the token may not ask Nomad's plan (submit-job or plan-job)"),
    ],
)
async def test_what_had_no_place_waits_until_the_plan_has_one(plan: Preview, message: str) -> None:
    found = a_pass(claim(GIVEN_UP), plan=plan)
    await found.run()
    held = decision(found)
    assert isinstance(held, Hold)
    assert (held.reason, held.message.startswith(f"v1.1.0 has no place: {message};")) == (HoldReason.STALLED, True)
    assert found.deployer.asked == ["inspect", "preview"]
    assert (found.targets.result.launch, found.targets.result.requeue_in) == (None, 15.0)


async def test_what_had_no_place_is_deployed_once_the_plan_has_one() -> None:
    found = a_pass(claim(GIVEN_UP))
    await found.run()
    assert found.deployer.asked == ["inspect", "preview", "submit"]


async def test_a_person_asks_no_plan() -> None:
    requested = open_rollout(item(forced=True), origin=Origin.DEPLOY)
    found = a_pass(claim(GIVEN_UP, rollout=requested), plan=Preview(unplaced="no memory"))
    await found.run()
    assert found.deployer.asked == ["inspect", "submit"]


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


async def test_a_deployment_of_somebody_else_is_waited_for() -> None:
    found = a_pass(job=job(deployment=FOREIGN))
    await found.run()
    held, result = decision(found), found.targets.result
    assert isinstance(held, Hold)
    assert (held.reason, result.requeue_in, result.foreign_progress) == (HoldReason.BUSY, 2.0, "d 1")
    assert held.message == (
        "a Nomad deployment is active on the job (1 of 2); we wait for its end; a manual deploy does not wait"
    )


@pytest.mark.parametrize(
    ("fields", "is_busy"),
    [
        ({}, True),
        ({"stalled_index": 7}, False),
        ({"stalled_index": 6}, True),
        ({"foreign_progress": "d 1", "foreign_since": NOW - timedelta(seconds=900)}, True),
        ({"foreign_progress": "d 1", "foreign_since": NOW - timedelta(seconds=901)}, False),
        ({"foreign_progress": "d 0", "foreign_since": NOW - timedelta(seconds=901)}, True),
        ({"foreign_progress": "d 1"}, True),
        ({"rollout": open_rollout(item())}, True),
    ],
)
def test_a_deployment_counts_until_it_stalls(fields: dict[str, Any], is_busy: bool) -> None:
    assert (busy_with(SETTINGS, claim(**fields), job(deployment=FOREIGN)) != "") is is_busy


@pytest.mark.parametrize("found", [None, job()])
def test_without_a_deployment_nothing_is_under_way(found: JobState | None) -> None:
    assert busy_with(SETTINGS, claim(), found) == ""


async def test_our_own_deployment_is_no_foreign_one() -> None:
    found = unchanged(claim(rollout=open_rollout(item(), submitted=True)), job=job(deployment=FOREIGN))
    await found.run()
    assert found.targets.result.foreign_progress == ""


async def test_a_deployment_of_somebody_else_is_waited_for_with_a_request_in_hand_too() -> None:
    found = unchanged(claim(rollout=open_rollout(item(tag="v1.0.0", digest=D1))), job=job(deployment=FOREIGN))
    await found.run()
    assert (found.targets.result.requeue_in, found.targets.result.foreign_progress) == (2.0, "d 1")


DENIED = NomadDenied("no permission")


@pytest.mark.parametrize(
    ("claimed", "error", "requeued"),
    [
        (claim(), NomadUnavailable("Nomad is away", retry_after=9.0), (9.0, "Nomad is away", False, False)),
        (claim(attempts=2), NomadUnavailable("Nomad is away"), (2.0, "Nomad is away", False, False)),
        (claim(follows_job=True), NomadUnavailable("Nomad is away"), (0.5, None, False, False)),
        (claim(nomad_outage=True), NomadUnavailable("Nomad is away"), (0.5, None, False, False)),
        (claim(), JobChanged("the job changed"), (0.05, "", False, False)),
        (claim(), DENIED, (0.5, "no permission", False, True)),
    ],
)
async def test_an_error_of_nomad_requeues_the_target(
    claimed: Claim, error: Exception, requeued: tuple[Any, ...]
) -> None:
    found = a_pass(claimed, job=error)
    found.targets.written = Written(due_in=3.0)
    assert await found.run()
    assert found.targets.calls == [("requeue", *requeued)]
    assert found.waker.wakes == [("reconcile", "1")]


async def test_an_error_of_ours_is_shown_as_ours() -> None:
    found = a_pass(job=ValueError("a fault"))
    assert await found.run()
    ((name, _, outage, is_ours, refused),) = found.targets.calls
    assert (name, is_ours, refused) == ("requeue", True, True)
    assert "a fault" in outage


async def test_something_cancelled_inside_is_an_error_and_the_pass_itself_ends() -> None:
    found = a_pass(job=asyncio.CancelledError())
    assert await found.run()
    assert found.targets.names == ["requeue"]
    waiting = a_pass()
    arrived = asyncio.Event()

    async def inspect(_place: object) -> JobState:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    waiting.deployer.inspect = inspect  # type: ignore[method-assign, assignment]
    running = asyncio.create_task(waiting.run())
    await arrived.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert waiting.targets.calls == []


@pytest.mark.parametrize("lost", ["settle", "record_resolved", "submitted"])
async def test_a_lost_lease_ends_the_pass_without_a_word(lost: str) -> None:
    found = a_pass()
    found.targets.lost = (lost,)
    assert await found.run()
    assert "requeue" not in found.targets.names
    assert ("submit" in found.deployer.asked) is (lost == "submitted")


async def test_a_lease_that_is_lost_while_it_is_requeued_ends_it_too() -> None:
    found = a_pass(job=DENIED)
    found.targets.lost = ("requeue",)
    assert await found.run()
    assert found.targets.calls == []


async def test_an_end_that_is_written_wakes_whom_it_concerns() -> None:
    found = unchanged()
    found.targets.written = Written(due_in=1.0, woken=(5,), notification_delivery_ids=(8,))
    await found.run()
    assert found.waker.wakes == [("reconcile", "1"), ("reconcile", "5"), ("notify", "8")]


@pytest.mark.parametrize(
    ("origin", "writes"),
    [
        (None, ["settle", "withdraw", "requeue"]),
        (Origin.RULE, ["settle", "withdraw", "requeue"]),
        (Origin.UNDO, ["settle", "withdraw", "requeue"]),
        (Origin.DEPLOY, ["settle", "refuse"]),
    ],
)
async def test_what_nomad_refuses_ends_only_if_a_person_asked_for_it(origin: Origin | None, writes: list[str]) -> None:
    rollout = open_rollout(item(forced=True), origin=origin) if origin else None
    found = a_pass(claim(rollout=rollout), submission=DENIED)
    found.targets.written = Written(due_in=4.0)
    await found.run()
    assert found.targets.names == writes
    launch = found.targets.result.launch
    assert launch is not None
    if origin is Origin.DEPLOY:
        _, rollout_id, outcome = found.targets.calls[-1]
        assert (rollout_id, outcome.kind, outcome.reason) == (ROLLOUT, OutcomeKind.REFUSED, "no permission")
    else:
        assert ("withdraw", launch.rollout_id) in found.targets.calls
        assert found.targets.calls[-1] == ("requeue", 0.5, "no permission", False, True)
    assert ("follow", str(launch.rollout_id)) not in found.waker.wakes
    assert found.waker.wakes == [("reconcile", "1")] * 2  # after settle, and after the last write


async def test_a_registration_that_wakes_others_wakes_them() -> None:
    found = a_pass()
    found.targets.written = Written(woken=(5,))
    await found.run()
    assert found.waker.wakes.count(("reconcile", "5")) == 2  # after settle, and after submitted


async def test_a_request_for_another_watch_leaves_the_rule_to_this_one() -> None:
    rollout = open_rollout(item("gone"), origin=Origin.DEPLOY)
    found = a_pass(claim(rollout=rollout), fleet=LIMITED, submission=JobRejected("it is no job"))
    await found.run()
    assert found.targets.result.ended is not None
    assert found.targets.result.ended.kind is OutcomeKind.REFUSED
    assert found.targets.result.bounds == SlotBounds(at_most=1, heeds_failures=False)
    assert found.targets.names == ["settle", "withdraw", "requeue"]


BOTH = job(task(), task("registry.example:5000/team/b:v1.0.0", name="worker"))


def two_watches(app: WatchState, other: WatchState = OTHER, **fields: Any) -> Pass:
    """The registry has a newer image of the first watch only."""
    found = a_pass(claim(app, other, **fields), job=BOTH)
    found.registry.images["team/b"] = {"v1.0.0": D1}
    return found


@pytest.mark.parametrize("first", [True, False])
async def test_of_two_watches_each_counts(first: bool) -> None:
    """Whichever has a newer image, had no place, or has an event without an answer."""
    changed = two_watches(state(), **READ)
    assert await changed.run()
    assert changed.deployer.asked == ["inspect", "submit"]
    (launch,) = (call[1].launch for call in changed.targets.calls if call[0] == "settle")
    assert [each.watch for each in launch.items] == ["app"]
    lacking = replace(OTHER, history=replace(OTHER.history, not_placed=D3))
    waits = replace(OTHER, events=(event("v1.0.0", D1),))
    for other, queued in ((lacking, {}), (waits, QUEUED)):
        pair = (state(), other) if first else (other, state())
        found = a_pass(claim(*pair, **{**READ, **queued}), job=BOTH, fleet=LIMITED)
        found.registry.images = {"team/app": {"v1.0.0": D1}, "team/b": {"v1.0.0": D1}}
        await found.run()
        assert found.registry.asked
        assert "inspect" in found.deployer.asked


async def test_a_target_is_queued_if_one_of_its_watches_is() -> None:
    found = two_watches(state(), others_active=1)
    found.settings = replace(SETTINGS, fleet=LIMITED)
    await found.run()
    assert found.targets.result.queued is True


async def test_the_shortest_pause_counts() -> None:
    queued = unchanged(claim(**READ, **QUEUED, polled=True), fleet=LIMITED)
    queued.registry.outage = RegistryUnavailable("main is away", retry_after=7.0)
    await queued.run()
    busy = unchanged(job=job(deployment=FOREIGN))
    busy.registry.outage = RegistryUnavailable("main is away", retry_after=7.0)
    await busy.run()
    assert (queued.targets.result.requeue_in, busy.targets.result.requeue_in) == (7.0, 2.0)


async def test_nothing_of_a_request_is_registered_while_one_of_its_registries_is_away() -> None:
    rollout = open_rollout(item(), item("other", "v1.0.0", D1), origin=Origin.DEPLOY)
    found = two_watches(state(), rollout=rollout)
    found.registry.outages["team/b"] = RegistryUnavailable("main is away")
    await found.run()
    assert (found.targets.result.launch, found.targets.result.ended) == (None, None)
    assert found.deployer.asked == ["inspect"]


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
