"""The decision: which row matches, in which order, and its message. The number in a test's name is the row.

The rows are those of docs/decisions.md.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.decision import Deploy, Hold, HoldReason, RequestedDeploy
from app.domain.decision_table import decide
from app.domain.drift import drifted
from app.domain.history import Desired, History, highest_specified, identity, specified
from app.domain.job import JobState, Placement
from app.domain.left_out import TagList
from app.domain.reasons import Commanded, StandingCommands
from app.domain.reference import Reference
from app.domain.rule import Rule
from tests.unit.domain.cases import CHILD, D1, D2, D3, HOST, WATCH, case, job, knows, task

V1, V2 = Desired(tag="v1.0.0", digest=D1), Desired(tag="v1.1.0", digest=D2)


def reason(**fields: object) -> HoldReason | None:
    decision = decide(case(**fields))
    return decision.reason if isinstance(decision, Hold) else None


def test_otherwise_it_is_deployed() -> None:
    assert decide(case()) == Deploy(tag="v1.1.0", digest=D2, message="v1.1.0 follows v1.0.0")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "job app is not in Nomad; register it once, or correct nomad_job_name"),
        (job(unusable="the job is stopped"), "the job is stopped"),
        (job(task(name="other")), "job app has no task 'server'; correct nomad_task_name or nomad_group_name"),
        (job(task(reference=None, problem="interpolated")), "task app/server: interpolated"),
        (job(task(reference=None)), "task app/server: its image cannot be followed"),
        (
            job(task("other/app:v1")),
            f"task app/server runs docker.io/other/app, but the watch is for {HOST}/team/app; "
            "correct the configuration or the job",
        ),
        (job(task(), task(":v2", group="b", reference=None, problem="an archive")), "task b/server: an archive"),
    ],
)
def test_1_an_unusable_job_is_held_with_the_fix(found: JobState | None, message: str) -> None:
    assert decide(case(job=found)) == Hold(reason=HoldReason.UNUSABLE, message=message)


def test_1_a_group_that_lacks_the_task_is_named() -> None:
    decision = decide(case(watch=replace(WATCH, group="b")))
    assert decision.message == "group 'b' of job app has no task 'server'; correct nomad_task_name or nomad_group_name"


def test_1_a_task_of_another_group_or_name_is_no_obstacle() -> None:
    found = job(task(), task("other/app:v1", group="b"), task("other/app:v1", name="sidecar"))
    assert isinstance(decide(case(watch=replace(WATCH, group="app"), job=found)), Deploy)


def test_1_comes_before_a_command() -> None:
    assert reason(job=None, requested=RequestedDeploy(desired=V2)) is HoldReason.UNUSABLE


EVERYTHING_AGAINST: dict[str, object] = {
    "busy": "something is under way",
    "auto_deploy": False,
    "paused": True,
    "watch": replace(WATCH, observe_only=True),
    "history": knows(
        (task(), D1), failed=frozenset({D1, D2}), expected={"app/server": "another"}, newer_than_drift=False
    ),
}


@pytest.mark.parametrize("desired", [V2, None])
def test_2_a_command_deploys_against_everything_else(desired: Desired | None) -> None:
    decision = decide(
        case(**EVERYTHING_AGAINST, desired=desired, requested=RequestedDeploy(desired=Desired(tag="test", digest=D3)))
    )
    assert decision == Deploy(tag="test", digest=D3, message="a person asked for test")


def test_2_forced_deploys_what_runs_already() -> None:
    assert decide(case(requested=RequestedDeploy(desired=V1))) == Deploy(
        tag="v1.0.0", digest=D1, message="a person asked for v1.0.0"
    )


def test_2_unforced_leaves_alone_what_is_specified_already() -> None:
    decision = decide(case(requested=RequestedDeploy(desired=V1, forced=False)))
    assert decision == Hold(reason=HoldReason.UP_TO_DATE, message="v1.0.0 runs", tag="v1.0.0", digest=D1)


def test_2_unforced_deploys_what_does_not_run() -> None:
    assert decide(case(requested=RequestedDeploy(desired=V2, forced=False))) == Deploy(
        tag="v1.1.0", digest=D2, message="a person asked for v1.1.0"
    )


def test_2_unforced_deploys_what_failed_though_the_job_still_names_it() -> None:
    found = case(
        requested=RequestedDeploy(desired=V1, forced=False), history=knows((task(), D1), failed=frozenset({D1}))
    )
    assert isinstance(decide(found), Deploy)


def test_2_a_command_whose_tag_is_gone_leaves_it_to_the_rule() -> None:
    assert decide(case(requested=RequestedDeploy(desired=None))).message == "v1.1.0 follows v1.0.0"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            Rule(),
            "the registry has no release tag; its 2 tags are no releases: latest, main; the running image stays; "
            "push vX.Y.Z, or pin a tag",
        ),
        (
            Rule(pinned_tag="test"),
            "the registry has no tag test; the running image stays; push the tag, or pin another",
        ),
    ],
)
def test_3_without_a_matching_tag(rule: Rule, message: str) -> None:
    listed = TagList(tags=("main", "latest"))
    assert decide(case(rule=rule, desired=None, listed=listed)) == Hold(
        reason=HoldReason.NO_MATCHING_TAG, message=message
    )


def test_3_the_spelling_that_counts_is_open_while_no_release_runs() -> None:
    found = case(desired=None, job=job(task(":main")), history=knows((task(":main"), D1)))
    assert "push a release (X.Y.Z or vX.Y.Z)" in decide(found).message


def test_4_busy() -> None:
    assert decide(case(busy="rollout 7 is under way")) == Hold(
        reason=HoldReason.BUSY, message="rollout 7 is under way", tag="v1.1.0", digest=D2
    )


def test_5_failed_before() -> None:
    decision = decide(case(history=knows((task(), D1), failed=frozenset({D2}))))
    assert decision == Hold(
        reason=HoldReason.FAILED_BEFORE,
        message="v1.1.0 failed on this job before, with this digest; push a newer image, release the hold, "
        "or deploy it manually",
        tag="v1.1.0",
        digest=D2,
    )


def test_5_another_digest_that_failed_is_no_matter() -> None:
    assert reason(history=knows((task(), D1), failed=frozenset({D3}))) is None


def test_6_up_to_date() -> None:
    assert decide(case(desired=V1)) == Hold(
        reason=HoldReason.UP_TO_DATE, message="v1.0.0 runs", tag="v1.0.0", digest=D1
    )


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Rule(), "v1.0.0 runs; v1.1.0-rc.1 is newer by its numbers and no release (pre-release rc.1)"),
        (Rule(pinned_tag="v1.0.0"), "v1.0.0 runs"),
    ],
)
def test_6_tags_that_the_rule_leaves_out_are_named_while_it_follows_releases(rule: Rule, message: str) -> None:
    listed = TagList(tags=("v1.0.0", "v1.1.0-rc.1"))
    assert decide(case(rule=rule, desired=V1, listed=listed)).message == message


PLACEMENT = job().placement
SHORT = replace(PLACEMENT, allocations=(replace(PLACEMENT.allocations[0], running=1, starting=1),), problem="no memory")


def test_6a_stalled_while_an_allocation_that_should_run_does_not() -> None:
    assert decide(case(desired=V1, job=job(placement=SHORT))) == Hold(
        reason=HoldReason.STALLED,
        message="1 of 2 allocations run v1.0.0: no memory; the job specifies it, so it is up to date as soon as they "
        "run; mend the cause in Nomad, or deploy another tag",
        tag="v1.0.0",
        digest=D1,
    )


def test_6a_allocations_of_another_version_do_not_count() -> None:
    found = decide(case(desired=V1, job=job(version=2)))
    assert isinstance(found, Hold)
    assert (found.reason, found.message[:17]) == (HoldReason.STALLED, "0 of 2 allocation")
    assert "Nomad gives no reason" in found.message


def test_6a_an_unforced_request_deploys_nothing_that_is_specified_already() -> None:
    stalled = case(requested=RequestedDeploy(desired=V1, forced=False), job=job(placement=SHORT))
    assert reason(requested=stalled.requested, job=stalled.job) is HoldReason.STALLED


def test_15_what_had_no_place_waits_for_room_in_nomads_plan() -> None:
    given_up = knows((task(), D1), not_placed=D2)
    held = decide(case(history=given_up, no_room="no memory"))
    assert held == Hold(
        reason=HoldReason.STALLED,
        message="v1.1.0 has no place: no memory; it is deployed again as soon as Nomad's plan has room for it; make "
        "room in Nomad, or deploy another tag",
        tag="v1.1.0",
        digest=D2,
    )
    assert reason(history=given_up) is None
    assert reason(history=knows((task(), D1), not_placed=D3), no_room="no memory") is None


@pytest.mark.parametrize(("placement", "held"), [(SHORT, None), (PLACEMENT, HoldReason.UP_TO_DATE)])
def test_15_what_nomad_gave_up_counts_only_if_all_of_it_runs(placement: Placement, held: HoldReason | None) -> None:
    given_up = knows((task(), D1), not_placed=D1)
    assert reason(desired=V1, history=given_up, job=job(placement=placement)) is held


@pytest.mark.parametrize(
    ("placement", "message"),
    [
        (Placement(), "v1.0.0 is specified; no allocation should run"),
        (Placement(launches_later=True), "v1.0.0 is specified; the job's next launch runs it"),
        (Placement(completes=True), "v1.0.0 is specified; its allocations completed"),
        (Placement(completes=True, counts={"app": 0}), "v1.0.0 is specified; its allocations completed"),
    ],
)
def test_6_says_how_when_nothing_should_run(placement: Placement, message: str) -> None:
    found = decide(case(desired=V1, job=job(placement=placement)))
    assert isinstance(found, Hold)
    assert (found.reason, found.message) == (HoldReason.UP_TO_DATE, message)


def test_6_only_when_all_tasks_run_it() -> None:
    second = task(f":v1.1.0@{D2}", group="b")
    assert reason(job=job(task(f":v1.1.0@{D2}"), second)) is HoldReason.UP_TO_DATE
    assert reason(job=job(task(), second)) is None


def test_6_a_child_of_the_index_is_the_index() -> None:
    desired = replace(V2, children=frozenset({CHILD}))
    decision = decide(case(job=job(task(f":v1.1.0@{CHILD}")), desired=desired))
    assert isinstance(decision, Hold)
    assert decision.reason is HoldReason.UP_TO_DATE
    deploy = decide(case(desired=desired))
    assert isinstance(deploy, Deploy)
    assert deploy.children == frozenset({CHILD})


def test_7_auto_deploy_is_off() -> None:
    decision = decide(case(auto_deploy=False))
    assert decision.message == "auto deploy is off; v1.1.0 is deployed when it is switched on"
    assert (decision.tag, decision.digest) == ("v1.1.0", D2)
    assert reason(auto_deploy=False) is HoldReason.AUTO_DEPLOY_OFF


ANN = Commanded(by="ann", at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), reason="the fair")
BY_ANN = "by ann since 2026-01-02 03:04 UTC: the fair"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"paused": True, "commands": StandingCommands(pause=ANN)},
            f"everything is paused {BY_ANN}; resume, and the rule would deploy v1.1.0",
        ),
        (
            {"auto_deploy": False, "commands": StandingCommands(switch=ANN)},
            f"auto deploy is off, switched off {BY_ANN}; v1.1.0 is deployed when it is switched on",
        ),
        (
            {"rolled_back": True, "commands": StandingCommands(rollback=ANN)},
            "ann rolled back to v1.0.0 on 2026-01-02 03:04 UTC: the fair; "
            "an image newer than v1.1.0 or a manual deploy replaces it",
        ),
        (
            {"desired": V1, "rule": Rule(pinned_tag="v1.0.0"), "commands": StandingCommands(pin=ANN)},
            f"v1.0.0 runs; it is pinned {BY_ANN}",
        ),
        (
            {"desired": None, "rule": Rule(pinned_tag="test"), "commands": StandingCommands(pin=ANN)},
            f"the registry has no tag test; the running image stays; it is pinned {BY_ANN}; push the tag, "
            "or pin another",
        ),
        ({"desired": V1, "commands": StandingCommands(pin=ANN, switch=ANN, pause=ANN)}, "v1.0.0 runs"),
    ],
)
def test_a_hold_that_a_person_caused_says_who_when_and_why(fields: dict[str, Any], message: str) -> None:
    assert decide(case(**fields)).message == message


def test_8_and_9_paused_or_observing() -> None:
    assert decide(case(paused=True)).message == "everything is paused; resume, and the rule would deploy v1.1.0"
    assert reason(paused=True) is HoldReason.PAUSED
    observing = replace(WATCH, observe_only=True)
    assert decide(case(watch=observing)).message == "observe_only is set; remove it, and the rule would deploy v1.1.0"
    assert reason(watch=observing) is HoldReason.OBSERVE_ONLY


def test_10_changed_outside() -> None:
    hand = knows((task(), D1), expected={"app/server": f"{HOST}/team/app:v0.9.0"})
    assert reason(history=hand) is HoldReason.DRIFTED
    assert "drift: somebody changed the image" in decide(case(history=hand)).message
    assert reason(history=replace(hand, newer_than_drift=True)) is None
    assert reason(history=replace(hand, expected={"app/server": f"{HOST}/team/app:v1.0.0"})) is None


@pytest.mark.parametrize(
    ("desired", "held"), [("v0.9.9", True), ("v0.10.0", True), ("v1.0.0", False), ("v1.0.1", False), ("v10.0.0", False)]
)
def test_12_a_downgrade(desired: str, held: bool) -> None:
    decision = decide(case(desired=Desired(tag=desired, digest=D2)))
    assert (isinstance(decision, Hold) and decision.reason is HoldReason.DOWNGRADE) is held
    if held:
        assert decision.message == f"{desired} would be a downgrade from v1.0.0; deploy it manually if you want it"


def test_12_the_highest_of_what_runs_counts() -> None:
    tasks = task(":v2.0.0"), task(":v1.0.0", group="b")
    assert reason(job=job(*tasks), history=History()) is HoldReason.DOWNGRADE
    assert reason(job=job(*reversed(tasks)), history=History()) is HoldReason.DOWNGRADE


def test_12_is_no_matter_for_a_pinned_tag() -> None:
    assert reason(rule=Rule(pinned_tag="v0.9.0"), desired=Desired(tag="v0.9.0", digest=D2)) is None


@pytest.mark.parametrize("image", [":latest", "", f"@{D1}", ":v1.0.0-rc.1"])
@pytest.mark.parametrize(
    ("baseline_release", "desired", "held"),
    [("v1.0.0", "v1.0.0", True), ("v1.1.0", "v1.0.0", True), ("v1.0.0", "v1.0.1", False), ("", "v1.0.0", False)],
)
def test_13_what_runs_is_no_release(image: str, baseline_release: str, desired: str, held: bool) -> None:
    history = History(baseline_release=baseline_release)
    found = reason(job=job(task(image)), desired=Desired(tag=desired, digest=D2), history=history)
    assert found is (HoldReason.NOT_A_RELEASE if held else None)


def test_13_says_how_to_go_on() -> None:
    decision = decide(case(job=job(task(":latest")), history=History(baseline_release="v1.1.0")))
    assert (
        decision.message
        == "the running image is no release; push the next release, or deploy one manually, to start following"
    )


def test_13_is_no_matter_for_a_pinned_tag() -> None:
    found = case(
        rule=Rule(pinned_tag="test"),
        job=job(task(":latest")),
        desired=Desired(tag="test", digest=D2),
        history=History(baseline_release="v1.0.0"),
    )
    assert isinstance(decide(found), Deploy)


def test_13_a_desired_tag_that_is_no_release_never_starts_following() -> None:
    found = case(job=job(task(":latest")), desired=Desired(tag="other", digest=D2), history=History())
    decision = decide(found)
    assert isinstance(decision, Hold)
    assert decision.reason is HoldReason.NOT_A_RELEASE


def test_the_message_of_a_deploy_names_the_change() -> None:
    changed = decide(case(desired=Desired(tag="v1.0.0", digest=D2)))
    assert changed == Deploy(tag="v1.0.0", digest=D2, message="the digest behind v1.0.0 changed", digest_changed=True)
    mixed = decide(case(job=job(task(), task(f"@{D3}", group="b"))))
    assert mixed == Deploy(tag="v1.1.0", digest=D2, message="v1.1.0 follows an untagged image, v1.0.0")


@pytest.mark.parametrize(
    ("image", "tag", "digest", "is_release"),
    [
        (":v1.0.0", "v1.0.0", "", True),
        (f":v1.0.0@{D1}", "v1.0.0", D1, True),
        (f"@{D1}", "", D1, False),
        (f"@{D2}", "v1.1.0", D2, True),
        ("", "latest", "", False),
        (":known", "known", D3, False),
    ],
)
def test_running_is_read_with_what_was_recorded(image: str, tag: str, digest: str, is_release: bool) -> None:
    history = replace(knows((task(":known"), D3)), tags={D2: "v1.1.0"})
    found = specified(task(image), history)
    assert (found.tag, found.digest, found.release is not None) == (tag, digest, is_release)


def test_an_image_that_cannot_be_followed_runs_nothing_known() -> None:
    found = specified(task(reference=None), History())
    assert (found.tag, found.digest, found.release) == ("", "", None)
    assert identity(task(reference=None)) == ""


def test_identity_knows_docker_hubs_names_and_not_the_spelling() -> None:
    names = ["app:v1", "docker.io/app:v1", "index.docker.io/library/app:v1", "registry-1.docker.io/library/app:v1"]
    assert {identity(task(reference=Reference.parse(name))) for name in names} == {"docker.io/library/app:v1"}
    assert identity(task(f":v1@{D1}")) == f"{HOST}/team/app:v1@{D1}"
    assert identity(task(f"@{D1}")) == f"{HOST}/team/app@{D1}"


def test_the_highest_running_release_of_none_is_none() -> None:
    assert highest_specified((task(":latest"),), History()) is None
    highest = highest_specified((task(":v1.9.0"), task(":v1.10.0", group="b")), History())
    assert highest is not None
    assert highest.tag == "v1.10.0"


def test_drift_compares_the_tasks_that_our_rollout_changed() -> None:
    tasks = (task(), task(":v2.0.0", group="new"))
    assert not drifted(tasks, {})
    assert not drifted(tasks, {"app/server": f"{HOST}/team/app:v1.0.0"})
    assert drifted(tasks, {"app/server": f"{HOST}/team/app:v1.0.0@{D1}"})


def test_5_the_hold_of_a_failed_digest_begins_with_the_cause() -> None:
    failed = knows((task(), D1), failed=frozenset({D2}), failure_causes={D2: "exited with code 3", D3: "another"})
    assert decide(case(history=failed)).message.startswith("exited with code 3: v1.1.0 failed on this job before")
