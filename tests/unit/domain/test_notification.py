"""Which notification follows from what happened, with its headline and detail."""

from uuid import UUID

import pytest

from app.domain.decision import Deploy, Hold, HoldReason
from app.domain.deployment import DeploymentPhase, DeploymentState, Diagnosis, LogTail
from app.domain.notification import (
    Notification,
    NotificationKind,
    Registered,
    Subject,
    begins_to_wait,
    of_auto_deploy,
    of_decision,
    of_missing_image,
    of_nomad,
    of_outage,
    of_outcome,
    of_registration,
    of_waiting_canaries,
)
from app.domain.rollout import Outcome, OutcomeKind

ABOUT = Subject(watch_names=("app", "side"), rollout_id=UUID(int=7), job_id="web", namespace="ops")
APP = Registered(watch="app", tag="v2", digest="sha256:a", reason="v2 follows v1")
SIDE = Registered(watch="side", tag="", digest="sha256:b", reason="the digest changed", digest_changed=True)
FOR_A_PERSON = {
    HoldReason.UNUSABLE,
    HoldReason.AUTO_DEPLOY_OFF,
    HoldReason.OBSERVE_ONLY,
    HoldReason.DRIFTED,
    HoldReason.DOWNGRADE,
    HoldReason.NOT_A_RELEASE,
}


def outcome(kind: OutcomeKind, reason: str = "so it is") -> Outcome:
    return Outcome(kind=kind, reason=reason)


@pytest.mark.parametrize("reason", HoldReason)
def test_a_hold_is_told_when_it_waits_for_a_person(reason: HoldReason) -> None:
    told = of_decision("app", Hold(reason=reason, message="so it is"), ABOUT)
    desired = Notification(
        kind=NotificationKind.HELD, headline="app: nothing is deployed", detail="so it is", subject=ABOUT
    )
    assert told == (desired if reason in FOR_A_PERSON else None)


def test_a_decision_to_deploy_is_told_by_its_registration_alone() -> None:
    assert of_decision("app", Deploy(tag="v2", digest="sha256:a", message="v2 follows v1"), ABOUT) is None


def test_a_registration_names_all_its_watches_and_why_each_changes() -> None:
    twin = Registered(watch="twin", tag="v2", digest="sha256:a", reason="v2 follows v1")
    mute = Registered(watch="mute", tag="v3", digest="sha256:c", reason="")
    (told,) = of_registration([twin, APP, mute], Subject(rollout_id=UUID(int=7), job_id="web", namespace="ops"))
    assert told == Notification(
        kind=NotificationKind.DEPLOYING,
        headline="Deploying twin v2, app v2, mute v3",
        detail="v2 follows v1",
        subject=Subject(watch_names=("twin", "app", "mute"), rollout_id=UUID(int=7), job_id="web", namespace="ops"),
    )


def test_changed_digests_are_told_first_and_of_their_watches_alone() -> None:
    first, second = of_registration([APP, SIDE], ABOUT)
    assert (first.kind, first.headline) == (NotificationKind.DIGEST_CHANGED, "side sha256:b: the digest changed")
    assert (first.detail, first.subject.watch_names) == ("the digest changed", ("side",))
    assert (second.kind, second.headline) == (NotificationKind.DEPLOYING, "Deploying app v2, side sha256:b")
    assert (second.detail, second.subject.watch_names) == ("the digest changed; v2 follows v1", ("app", "side"))


def test_the_wording_of_a_reason_chooses_no_notification() -> None:
    like = Registered(watch="app", tag="v2", digest="sha256:a", reason="the digest behind v2 changed")
    assert [told.kind for told in of_registration([like], ABOUT)] == [NotificationKind.DEPLOYING]


def test_a_registration_that_brought_no_watch_anything_is_not_told() -> None:
    assert list(of_registration([], ABOUT)) == []


@pytest.mark.parametrize(
    ("kind", "told", "headline"),
    [
        (OutcomeKind.SUCCEEDED, NotificationKind.SUCCEEDED, "app v2: succeeded"),
        (OutcomeKind.FAILED, NotificationKind.FAILED, "app v2: failed"),
        (OutcomeKind.SUPERSEDED, NotificationKind.SUPERSEDED, "app v2: superseded"),
        (OutcomeKind.STOPPED, NotificationKind.ENDED, "app v2: stopped"),
        (OutcomeKind.STALLED, NotificationKind.ENDED, "app v2: stalled"),
        (OutcomeKind.NEXT_LAUNCH, NotificationKind.ENDED, "app v2: effective at next launch"),
        (OutcomeKind.REFUSED, NotificationKind.ENDED, "app v2: refused"),
    ],
)
def test_every_outcome_is_told(kind: OutcomeKind, told: NotificationKind, headline: str) -> None:
    notification = of_outcome("app v2", outcome(kind), None, ABOUT)
    assert notification == Notification(kind=told, headline=headline, detail="so it is", subject=ABOUT)


def test_a_failure_is_explained_beyond_its_reason_with_the_last_lines_of_each_task() -> None:
    diagnosis = Diagnosis(
        findings=("unhealthy", "task app ran out of memory"),
        logs=(LogTail(task="app", allocation_id="1", text="1\n2\n3\n4\n5\n6\n"),),
    )
    notification = of_outcome("app v2", outcome(OutcomeKind.FAILED, "it is unhealthy"), diagnosis, ABOUT)
    assert notification.detail.splitlines() == [
        "it is unhealthy",
        "task app ran out of memory",
        "app wrote last:",
        "2",
        "3",
        "4",
        "5",
        "6",
    ]


def test_canaries_that_wait_are_told_with_what_they_wait_for() -> None:
    assert of_waiting_canaries("app v2", "1 of 1 healthy", ABOUT) == Notification(
        kind=NotificationKind.AWAITS_PROMOTION,
        headline="app v2: waiting for promotion",
        detail="1 of 1 healthy",
        subject=ABOUT,
    )


def deployment(*, awaits_promotion: bool) -> DeploymentState:
    return DeploymentState(
        deployment_id="d",
        phase=DeploymentPhase.ACTIVE,
        description="",
        desired=1,
        placed=1,
        healthy=1,
        unhealthy=0,
        awaits_promotion=awaits_promotion,
    )


@pytest.mark.parametrize("before", [None, False, True])
@pytest.mark.parametrize("after", [None, False, True])
def test_canaries_begin_to_wait_when_they_did_not_before(before: bool | None, after: bool | None) -> None:
    states = [None if each is None else deployment(awaits_promotion=each) for each in (before, after)]
    assert begins_to_wait(*states) is (after is True and before is not True)


@pytest.mark.parametrize(("lasted", "notifies"), [(0.9, False), (1.0, True), (600.0, True)])
def test_an_outage_that_lasts_is_notified_once(lasted: float, notifies: bool) -> None:
    desired = Notification(
        kind=NotificationKind.OUTAGE, headline="ops/web: waiting", detail="Nomad is away", subject=ABOUT
    )
    found = of_outage("ops/web", "Nomad is away", lasted=lasted, notified=False, subject=ABOUT)
    assert found == (desired if notifies else None)
    assert of_outage("ops/web", "Nomad is away", lasted=lasted, notified=True, subject=ABOUT) is None


def test_an_outage_of_nomad_is_one_notification_for_all_jobs() -> None:
    found = of_nomad("ops", "it cannot be reached", notified=False)
    assert found is not None
    assert (found.kind, found.detail) == (NotificationKind.OUTAGE, "it cannot be reached")
    assert found.headline == "Nomad is away: the jobs of namespace ops wait"
    assert of_nomad("ops", "it cannot be reached", notified=True) is None


def test_a_missing_image_is_told_when_it_begins() -> None:
    assert of_missing_image("app", "sha256:a is gone", known="", subject=ABOUT) == Notification(
        kind=NotificationKind.OUTAGE,
        headline="app: the running image is gone from the registry",
        detail="sha256:a is gone",
        subject=ABOUT,
    )
    assert of_missing_image("app", "sha256:a is gone", known="sha256:b is gone", subject=ABOUT) is None
    assert of_missing_image("app", "", known="", subject=ABOUT) is None


@pytest.mark.parametrize(("before", "after"), [(True, None), (True, True), (False, False)])
def test_a_command_that_leaves_auto_deploy_as_it_was_is_not_told(before: bool, after: bool | None) -> None:
    assert of_auto_deploy("app", before=before, after=after, actor="ann", subject=ABOUT) is None


@pytest.mark.parametrize(("after", "state"), [(True, "on"), (False, "off")])
@pytest.mark.parametrize(("actor", "detail"), [("ann", "by ann"), ("", "")])
def test_switching_auto_deploy_is_told_with_who_did_it(after: bool, state: str, actor: str, detail: str) -> None:
    assert of_auto_deploy("app", before=not after, after=after, actor=actor, subject=ABOUT) == Notification(
        kind=NotificationKind.AUTO_DEPLOY_TOGGLED,
        headline=f"Turned {state} auto deployment for repo app",
        detail=detail,
        subject=ABOUT,
    )
