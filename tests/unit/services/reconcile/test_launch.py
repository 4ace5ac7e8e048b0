"""One registration of all that is to change, whose rollout it is, and how one ends that is not registered."""

from dataclasses import replace

import pytest

from app.domain.decision import Deploy, Hold, HoldReason
from app.domain.job import TaskKey
from app.domain.reference import Repository
from app.domain.rollout import Origin, OutcomeKind
from app.services.reconcile.claim import OpenRollout
from app.services.reconcile.launch import ending, launch, requested_during_outage
from app.services.reconcile.result import WatchResult
from tests.unit.domain.cases import D1, D2, D3, HOST, WATCH, job, knows, task
from tests.unit.services.reconcile.values import ROLLOUT, asked, item, open_rollout, resolved_watches, state

DEPLOY = Deploy(tag="v1.1.0", digest=D2, message="v1.1.0 follows v1.0.0")
SIDE = replace(WATCH, name="side", task="sidecar", repository=Repository.of(HOST, "team/side"))
UP_TO_DATE = Hold(reason=HoldReason.UP_TO_DATE, message="v1.1.0 already runs")
UNUSABLE = Hold(reason=HoldReason.UNUSABLE, message="the job is stopped")
DRIFTED = Hold(reason=HoldReason.DRIFTED, message="drift")
BUSY = Hold(reason=HoldReason.BUSY, message="busy")


def test_all_that_is_to_change_goes_in_one_registration() -> None:
    both = job(task(), task(f"{HOST}/team/side:v1", name="sidecar"), task("other/x:v1", name="untouched"))
    side = state(watch=SIDE, history=knows())
    deploys = {
        "app": (resolved_watches(), DEPLOY),
        "side": (resolved_watches(side), Deploy(tag="v2", digest=D3, message="v2 follows v1", digest_changed=True)),
    }
    found = launch(both, deploys, None)
    assert found is not None
    assert {str(key): change.image for key, change in found.patch.changes.items()} == {
        "app/server": f"{HOST}/team/app:v1.1.0@{D2}",
        "app/sidecar": f"{HOST}/team/side:v2@{D3}",
    }
    assert found.patch.expected_index == both.index
    assert found.items == (item(), item("side", "v2", D3))
    assert found.task_watches == {
        TaskKey(group="app", task="server"): "app",
        TaskKey(group="app", task="sidecar"): "side",
    }
    assert {str(key): name for key, name in found.identities.items()} == {
        "app/server": f"{HOST}/team/app:v1.1.0@{D2}",
        "app/sidecar": f"{HOST}/team/side:v2@{D3}",
    }
    assert found.from_images["app"] == {"app/server": f"{HOST}/team/app:v1.0.0"}
    assert found.before == {"app": ("v1.0.0", D1), "side": ("v1", "")}
    assert found.message == {"app": "v1.1.0 follows v1.0.0", "side": "v2 follows v1"}
    assert found.digest_changed == {"side"}
    assert not found.reuse


@pytest.mark.parametrize(
    ("rollout", "reused"),
    [
        (None, False),
        (open_rollout(item()), True),
        (open_rollout(item(digest=D3)), False),
        (open_rollout(item(), item("side")), False),
        (open_rollout(item(digest=D3), origin=Origin.DEPLOY), True),
        (open_rollout(item("side"), origin=Origin.DEPLOY), False),
    ],
)
def test_an_open_rollout_stays_itself_while_it_means_the_same(rollout: OpenRollout | None, reused: bool) -> None:
    found = launch(job(), {"app": (resolved_watches(), DEPLOY)}, rollout)
    assert found is not None
    assert found.reuse is reused
    assert (found.rollout_id == ROLLOUT) is reused


def test_a_persons_word_forces_what_runs_already() -> None:
    runs = job(task(f":v1.1.0@{D2}"))
    found = launch(runs, {"app": (resolved_watches(requested=asked()), DEPLOY)}, None)
    assert found is not None
    (change,) = found.patch.changes.values()
    assert (found.items[0].forced, change.marker) == (True, found.rollout_id.hex)


def test_a_reset_of_what_failed_forces_it_since_the_job_names_it_already() -> None:
    runs = job(task(f":v1.1.0@{D2}"))
    history = replace(knows(), failed=frozenset({D2}))
    found = launch(runs, {"app": (resolved_watches(requested=asked(forced=False), history=history), DEPLOY)}, None)
    assert found is not None
    assert found.items[0].forced


def test_nothing_to_change_is_no_launch() -> None:
    assert launch(job(task(f":v1.1.0@{D2}")), {"app": (resolved_watches(), DEPLOY)}, None) is None


@pytest.mark.parametrize(
    ("rollout", "waits"),
    [
        (None, False),
        (open_rollout(item()), False),
        (open_rollout(item(), origin=Origin.DEPLOY), True),
        (open_rollout(item(), origin=Origin.DEPLOY, submitted=True), False),
        (open_rollout(item("side"), origin=Origin.DEPLOY), False),
    ],
)
def test_a_persons_word_waits_for_its_registry(rollout: OpenRollout | None, waits: bool) -> None:
    assert requested_during_outage(rollout, [resolved_watches(resolved=None, outage="silent")]) is waits
    assert not requested_during_outage(rollout, [resolved_watches()])


def test_a_rollout_that_is_registered_does_not_end() -> None:
    rollout = open_rollout(item())
    launched = launch(job(), {"app": (resolved_watches(), DEPLOY)}, rollout)
    assert ending(rollout, launched, [], [resolved_watches()]) is None


def test_the_rules_stays_open_while_it_waits_for_its_turn() -> None:
    waits = Hold(reason=HoldReason.QUEUED, message="3 of at most 3 rollouts are under way")
    assert ending(open_rollout(item()), None, [WatchResult(watch="app", decision=waits)], [resolved_watches()]) is None


def test_the_rules_gives_way_to_something_newer() -> None:
    rollout = open_rollout(item(digest=D3))
    launched = launch(job(), {"app": (resolved_watches(), DEPLOY)}, rollout)
    found = ending(rollout, launched, [], [resolved_watches()])
    assert found is not None
    assert found.kind is OutcomeKind.SUPERSEDED


@pytest.mark.parametrize(
    ("origin", "decisions", "kind", "reason"),
    [
        (Origin.RULE, [BUSY], OutcomeKind.SUPERSEDED, "never registered: busy"),
        (Origin.RULE, [], OutcomeKind.SUPERSEDED, "never registered: the rule no longer desires it"),
        (Origin.RESET, [UP_TO_DATE], OutcomeKind.SUCCEEDED, "v1.1.0 already runs"),
        (Origin.DEPLOY, [UNUSABLE], OutcomeKind.REFUSED, "the job is stopped"),
        (Origin.UNDO, [DRIFTED], OutcomeKind.SUPERSEDED, "never registered: drift"),
        (
            Origin.DEPLOY,
            [BUSY],
            OutcomeKind.REFUSED,
            "the registry no longer has v1.1.0; push it again, or deploy another tag",
        ),
        (
            Origin.DEPLOY,
            [],
            OutcomeKind.REFUSED,
            "the configuration no longer has app; put it back into watched_repositories, and try again",
        ),
    ],
)
def test_how_one_ends_that_is_not_registered(
    origin: Origin, decisions: list[Hold], kind: OutcomeKind, reason: str
) -> None:
    results = [WatchResult(watch="app", decision=decision) for decision in decisions]
    results.append(WatchResult(watch="other", decision=UNUSABLE))
    found = ending(open_rollout(item(), origin=origin), None, results, [resolved_watches()])
    assert found is not None
    assert (found.kind, found.reason) == (kind, reason)


@pytest.mark.parametrize("origin", Origin)
def test_one_whose_registry_does_not_answer_stays_open(origin: Origin) -> None:
    troubled = [resolved_watches(resolved=None, outage="silent")]
    assert ending(open_rollout(item(), origin=origin), None, [WatchResult(watch="app", outage="x")], troubled) is None


def test_a_persons_ends_beside_a_launch_for_another_watch() -> None:
    rollout = open_rollout(item("side", "test", D1), origin=Origin.DEPLOY)
    launched = launch(job(), {"app": (resolved_watches(), DEPLOY)}, rollout)
    gone = WatchResult(watch="side", decision=Hold(reason=HoldReason.NO_MATCHING_TAG, message="gone"))
    found = ending(rollout, launched, [gone], [resolved_watches()])
    assert found is not None
    assert (found.kind, found.reason) == (
        OutcomeKind.REFUSED,
        "the registry no longer has test; push it again, or deploy another tag",
    )


def test_what_ran_before_is_known_only_if_all_tasks_ran_it() -> None:
    several = job(task(), task(":v0.9.0", group="b"))
    found = launch(several, {"app": (resolved_watches(), DEPLOY)}, None)
    assert found is not None
    assert found.before == {"app": ("", "")}


@pytest.mark.parametrize("forced", [True, False])
def test_a_request_is_forced_if_it_says_so(forced: bool) -> None:
    each = resolved_watches(requested=asked(forced=forced))
    found = launch(job(), {"app": (each, DEPLOY)}, None)
    assert found is not None
    assert found.items == (item(forced=forced),)


SIDE_WATCH = resolved_watches(state(watch=SIDE))
QUEUED = Hold(reason=HoldReason.QUEUED, message="3 of at most 3 rollouts are under way")
STALLED = Hold(reason=HoldReason.STALLED, message="1 of 2 allocations run v1.1.0")
SIDE_IS_AWAY = resolved_watches(state(watch=SIDE), resolved=None, outage="silent")


def both(*decisions: Hold | Deploy) -> list[WatchResult]:
    return [
        WatchResult(watch=name, decision=decision) for name, decision in zip(("app", "side"), decisions, strict=True)
    ]


@pytest.mark.parametrize(
    ("origin", "results", "kind", "reason"),
    [
        (Origin.RULE, both(QUEUED, UP_TO_DATE), OutcomeKind.SUPERSEDED, f"never registered: {QUEUED.message}; v1.1.0"),
        (Origin.RULE, both(DEPLOY, DEPLOY), OutcomeKind.SUPERSEDED, "never registered: the rule no longer desires it"),
        (Origin.DEPLOY, both(UP_TO_DATE, STALLED), OutcomeKind.STALLED, "v1.1.0 already runs; 1 of 2"),
        (Origin.DEPLOY, both(UP_TO_DATE, UNUSABLE), OutcomeKind.REFUSED, "the job is stopped"),
    ],
)
def test_how_one_of_two_watches_ends(
    origin: Origin, results: list[WatchResult], kind: OutcomeKind, reason: str
) -> None:
    found = ending(open_rollout(item(), item("side"), origin=origin), None, results, [resolved_watches(), SIDE_WATCH])
    assert found is not None
    assert (found.kind, found.reason[: len(reason)]) == (kind, reason)


def test_an_outage_of_one_registry_keeps_what_it_concerns_open_and_nothing_else() -> None:
    two = open_rollout(item(), item("side"), origin=Origin.DEPLOY)
    watches = [resolved_watches(), SIDE_IS_AWAY]
    assert ending(two, None, both(UP_TO_DATE, UP_TO_DATE), watches) is None
    assert requested_during_outage(two, watches)
    assert ending(open_rollout(item(), origin=Origin.DEPLOY), None, both(UP_TO_DATE, UP_TO_DATE), watches) is not None
