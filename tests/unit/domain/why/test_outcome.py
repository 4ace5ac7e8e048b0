"""Why: exactly one outcome for each tag, the first that fits, with its sentence and its fix."""

from dataclasses import replace

import pytest

from app.domain.decision import HoldReason
from app.domain.history import Image
from app.domain.rollout import OutcomeKind
from app.domain.timeline import FoundBy
from app.domain.unreleased import NoReleaseKind
from app.domain.why.facts import TagFacts, WatchFacts
from app.domain.why.outcome import TagOutcome, why
from app.domain.why.wording import UNTIL, fix, held_by, message, reason_of
from tests.unit.domain.why.facts import (
    ANN,
    D1,
    D2,
    FIRST,
    WATCH,
    at,
    decided,
    desires,
    push,
    ran,
    rolled_out,
    shown,
    tag,
)

PIN = 'pin it: POST /tags/app {"pinned_tag": "'
HIGHER = replace(
    WATCH, desired=Image(tag="v2.0.0", digest=D2), decision=decided(tag="v2.0.0"),
    periods=(ran("v2.0.0", 10, digest=D2), ran("v1.0.0", 0, 10)),
)  # fmt: skip
FELL_BACK = replace(HIGHER, periods=(ran("v1.0.0", 20), ran("v2.0.0", 10, 20, digest=D2), ran("v1.0.0", 0, 10)))
PERIODIC = replace(
    WATCH, desired=Image(tag="v1.1.0", digest=D2), specified=frozenset({Image(tag="v1.1.0", digest=D2)}), periods=(),
    decision=decided(tag="v1.1.0", message="v1.1.0 is specified; the job's next launch runs it"),
)  # fmt: skip
UNLINKED = replace(
    WATCH, tags=frozenset(f"v1.{minor}.0" for minor in range(8)), desired=Image(tag="", digest=""),
    decision=decided(HoldReason.NO_MATCHING_TAG, ""),
)  # fmt: skip
CASES: dict[str, tuple[WatchFacts, TagFacts, TagOutcome, str, str]] = {
    "before the first check": (
        WatchFacts(name="app"), tag("v1.0.0"), TagOutcome.UNKNOWN, "the repository was not checked yet", ""),
    "a rollout": (
        WATCH, tag("v1.1.0", rollout=rolled_out(None)), TagOutcome.DEPLOYING, "a rollout of it is under way", ""),
    "it runs": (WATCH, tag("v1.0.0"), TagOutcome.RUNNING, "it runs", ""),
    "it runs by another tag": (WATCH, tag("v1.0.1", digests=(shown(D1),)), TagOutcome.RUNNING, "it runs", ""),
    "a child of its index runs": (
        replace(WATCH, periods=(ran("v1.0.0", 0, digest="sha256:child"),)), tag("v1.0.0"), TagOutcome.RUNNING,
        "it runs", ""),
    "a bare tag runs": (
        replace(WATCH, periods=(ran("v1.0.0", 0, digest=""),)), tag("v1.0.0"), TagOutcome.RUNNING, "it runs", ""),
    "it runs beside another": (
        replace(WATCH, periods=(ran("v1.1.0", 5, digest=D2), ran("v1.0.0", 0))), tag("v1.0.0"), TagOutcome.RUNNING,
        "it runs, beside v1.1.0", ""),
    "nothing should run": (
        replace(WATCH, periods=()), tag("v1.0.0"), TagOutcome.SPECIFIED,
        "because of v1.0.0", ""),
    "its next launches run it": (
        PERIODIC, tag("v1.1.0", rollout=rolled_out(OutcomeKind.NEXT_LAUNCH)), TagOutcome.SPECIFIED,
        "v1.1.0 is specified; the job's next launch runs it", ""),
    "its next launches ran it": (
        PERIODIC, tag("v1.0.0", rollout=rolled_out(OutcomeKind.NEXT_LAUNCH)), TagOutcome.RAN,
        "it was deployed, and v1.1.0 took its place", f'{PIN}v1.0.0"}} deploys it'),
    "its allocations completed before a check": (
        replace(PERIODIC, specified=frozenset({Image(tag="latest", digest=D2)})),
        tag("v1.0.0", rollout=rolled_out(OutcomeKind.SUCCEEDED)), TagOutcome.RAN,
        "it was deployed, and latest took its place", f'{PIN}v1.0.0"}} deploys it'),
    "it was deployed, and its job is gone": (
        replace(PERIODIC, specified=frozenset()), tag("v1.0.0", rollout=rolled_out(OutcomeKind.SUCCEEDED)),
        TagOutcome.RAN, "it was deployed", f'{PIN}v1.0.0"}} deploys it'),
    "its next launches run it until a hold ends": (
        desires(HoldReason.PAUSED, periods=()), tag("v1.0.0", rollout=rolled_out(OutcomeKind.NEXT_LAUNCH)),
        TagOutcome.SPECIFIED, "the job specifies it, and v1.1.0 is desired", ""),
    "its next launches run it, and nothing is desired": (
        replace(WATCH, periods=(), desired=Image(tag="", digest=""),
                decision=decided(HoldReason.NO_MATCHING_TAG, "")),
        tag("v1.0.0", rollout=rolled_out(OutcomeKind.NEXT_LAUNCH)), TagOutcome.SPECIFIED, "the job specifies it", ""),
    "it failed and is held": (
        desires(HoldReason.FAILED_BEFORE, failed={D2: at(20)}),
        tag("v1.1.0", digests=(shown(),), rollout=rolled_out(OutcomeKind.FAILED)), TagOutcome.FAILED,
        "exited with code 3", "push a newer image, or release the hold: POST /repos/app/release-hold"),
    "it failed, and its rollout is not kept": (
        desires(HoldReason.FAILED_BEFORE, failed={D2: at(20)}), tag("v1.1.0"), TagOutcome.FAILED,
        "it failed on this job, with this digest",
        "push a newer image, or release the hold: POST /repos/app/release-hold"),
    "it failed once, and is not desired": (
        HIGHER, tag("v1.1.0", rollout=rolled_out(OutcomeKind.FAILED)), TagOutcome.FAILED, "exited with code 3",
        f'{PIN}v1.1.0"}} deploys it'),
    "it failed and is held, and another is desired": (
        replace(HIGHER, failed={"sha256:3": at(20)}),
        tag("v1.1.0", digests=(shown("sha256:3"),), rollout=rolled_out(OutcomeKind.FAILED)), TagOutcome.FAILED,
        "exited with code 3", f'{PIN}v1.1.0"}} deploys it'),
    "it failed and is held, and is deleted": (
        replace(HIGHER, failed={D2: at(20)}),
        tag("v1.1.0", is_listed=False, absent_since=at(30), digests=(shown(),)), TagOutcome.FAILED,
        "it failed on this job, with this digest", ""),
    "it failed, and ran after that": (
        replace(HIGHER, periods=(ran("v2.0.0", 40), ran("v1.1.0", 30, 40))),
        tag("v1.1.0", rollout=rolled_out(OutcomeKind.FAILED)), TagOutcome.RAN, "v2.0.0 runs in its place",
        f'{PIN}v1.1.0"}} deploys it'),
    "another digest of it failed": (
        HIGHER, tag("v1.1.0", digests=(shown(D1),), rollout=rolled_out(OutcomeKind.FAILED)), TagOutcome.PASSED_OVER,
        "v2.0.0 was newer when its rollout ended as failed: exited with code 3", f'{PIN}v1.1.0"}} deploys it'),
    "a rollout that has just ended": (
        desires(HoldReason.BUSY), tag("v1.1.0", rollout=rolled_out(OutcomeKind.SUCCEEDED, ended_at=at(61))),
        TagOutcome.UNKNOWN, "its rollout has ended, and the next check tells what runs", ""),
    "held": (desires(HoldReason.AUTO_DEPLOY_OFF), tag("v1.1.0"), TagOutcome.HELD, "because of v1.1.0", ""),
    "a command since": (
        desires(HoldReason.AUTO_DEPLOY_OFF, commanded_at=at(61)), tag("v1.1.0"), TagOutcome.UNKNOWN,
        "something changed since the last check, and the next one decides", ""),
    "decided to deploy, without a rollout": (
        replace(desires(HoldReason.BUSY), decision=decided(None, "v1.1.0")), tag("v1.1.0"), TagOutcome.UNKNOWN,
        "something changed since the last check, and the next one decides", ""),
    "it ran": (
        HIGHER, tag("v1.0.0"), TagOutcome.RAN, "v2.0.0 runs in its place", f'{PIN}v1.0.0"}} deploys it'),
    "it ran, and is deleted": (
        HIGHER, tag("v1.0.0", is_listed=False, absent_since=at(9)), TagOutcome.RAN, "v2.0.0 runs in its place", ""),
    "it ran, and nothing runs": (
        replace(HIGHER, periods=(ran("v1.0.0", 0, 10),)), tag("v1.0.0"), TagOutcome.RAN,
        "nothing runs in its place", f'{PIN}v1.0.0"}} deploys it'),
    "deleted": (
        WATCH, tag("v1.1.0", is_listed=False, absent_since=at(9)), TagOutcome.DELETED,
        "the registry's list of tags has it no more", "push it"),
    "deleted long ago": (
        WATCH, tag("v1.1.0", is_listed=False), TagOutcome.DELETED, "the registry's list of tags has it no more",
        "push it"),
    "never found": (
        WATCH, TagFacts(tag="v9.9.9"), TagOutcome.NEVER_FOUND,
        "nothing on record names it; a webhook tells of a push at once, and the poll finds it in the registry's list",
        "push it"),
    "never found, without webhooks": (
        replace(WATCH, has_webhooks=False), TagFacts(tag="v9.9.9"), TagOutcome.NEVER_FOUND,
        "nothing on record names it; no webhook ever named this repository, so that only the poll finds a push, "
        "in the registry's list", "push it"),
    "named by a false event": (
        WATCH, TagFacts(tag="v9.9.9", last_push=push(9)), TagOutcome.NEVER_FOUND,
        "a delivery of main named it, and no list of the registry's tags had it", "push it"),
    "an event without an answer": (
        WATCH, TagFacts(tag="v9.9.9", last_push=push(9, is_settled=False)), TagOutcome.UNKNOWN,
        "a delivery of main named it, and the registry does not show it yet", ""),
    "the registry is away": (
        replace(WATCH, outage="connection refused"), TagFacts(tag="v9.9.9"), TagOutcome.UNKNOWN,
        "its registry cannot be read: connection refused", ""),
    "only an answer had it": (
        WATCH, TagFacts(tag="v9.9.9", digests=(shown(),)), TagOutcome.UNKNOWN,
        "the registry showed it, and no list of its tags had it", ""),
    "another is pinned": (
        replace(WATCH, pinned_tag="v1.0.0", pinned=ANN), tag("v1.1.0"), TagOutcome.OTHER_PINNED,
        "the rule stays on v1.0.0 (by ann)", f'{PIN}v1.1.0"}} deploys it'),
    "another is pinned by nobody known": (
        replace(WATCH, pinned_tag="v1.0.0"), tag("latest"), TagOutcome.OTHER_PINNED, "the rule stays on v1.0.0",
        f'{PIN}latest"}} deploys it'),
    "it is pinned, and has no manifest": (
        replace(WATCH, pinned_tag="v1.1.0", desired=Image(tag="", digest="")), tag("v1.1.0"), TagOutcome.NO_MANIFEST,
        "the registry lists it, and has no manifest for it", "push it"),
    "it is pinned, ran, and has no manifest": (
        replace(HIGHER, pinned_tag="v1.0.0", desired=Image(tag="", digest="")), tag("v1.0.0"), TagOutcome.RAN,
        "v2.0.0 runs in its place", "push it"),
    "it was pinned since the last check": (
        replace(WATCH, pinned_tag="v1.1.0", commanded_at=at(61)), tag("v1.1.0"), TagOutcome.UNKNOWN,
        "something changed since the last check, and the next one decides", ""),
    "no release": (
        WATCH, tag("latest"), TagOutcome.NO_RELEASE, "no version number", f'{PIN}latest"}} deploys it'),
    "a leading zero": (
        WATCH, tag("v2026.02.0"), TagOutcome.NO_RELEASE, "leading zero",
        f'push it as v2026.2.0, or {PIN}v2026.02.0"}} deploys it'),
    "no manifest": (
        WATCH, tag("v1.1.0"), TagOutcome.NO_MANIFEST, "the registry lists it, and has no manifest for it", "push it"),
    "no manifest, and nothing is desired": (
        UNLINKED, tag("v1.2.0"), TagOutcome.NO_MANIFEST, "the registry lists it, and has no manifest for it",
        "push it"),
    "below those that are asked for a manifest": (
        UNLINKED, tag("v1.1.0"), TagOutcome.UNKNOWN,
        "it was not asked for: only the 6 highest releases are asked for a manifest, and none of them has one",
        f'{PIN}v1.1.0"}} deploys it'),
    "below those that were asked, after a command": (
        replace(UNLINKED, commanded_at=at(61)), tag("v1.1.0"), TagOutcome.UNKNOWN,
        "something changed since the last check, and the next one decides", ""),
    "a higher one after a command": (
        replace(WATCH, commanded_at=at(61)), tag("v1.1.0"), TagOutcome.UNKNOWN,
        "something changed since the last check, and the next one decides", ""),
    "passed over during a rollout": (
        HIGHER, tag("v1.1.0", decision=decided(HoldReason.BUSY, "v1.1.0")), TagOutcome.PASSED_OVER,
        "v2.0.0 was newer when the rollout before ended", f'{PIN}v1.1.0"}} deploys it'),
    "passed over while held": (
        HIGHER, tag("v1.1.0", decision=decided(HoldReason.PAUSED, "v1.1.0")), TagOutcome.PASSED_OVER,
        "v2.0.0 was newer before it was deployed; until then: because of v1.1.0", f'{PIN}v1.1.0"}} deploys it'),
    "passed over at once": (
        HIGHER, tag("v1.1.0", decision=decided(None, "v1.1.0")), TagOutcome.PASSED_OVER,
        "v2.0.0 was newer at the next check", f'{PIN}v1.1.0"}} deploys it'),
    "passed over at the first check": (
        HIGHER, tag("v1.1.0", listed_at=None), TagOutcome.PASSED_OVER, "v2.0.0 was newer at the next check",
        f'{PIN}v1.1.0"}} deploys it'),
    "passed over by what is desired": (
        desires(HoldReason.PAUSED, "v1.2.0"), tag("v1.1.0"), TagOutcome.PASSED_OVER,
        "v1.2.0 was newer at the next check", f'{PIN}v1.1.0"}} deploys it'),
    "lower": (
        HIGHER, tag("v1.1.0", listed_at=at(15)), TagOutcome.LOWER, "v2.0.0 is higher, and runs",
        f'{PIN}v1.1.0"}} deploys it'),
    "lower than what is desired": (
        FELL_BACK, tag("v1.1.0", listed_at=at(15)), TagOutcome.LOWER, "v2.0.0 is higher, and is desired",
        f'{PIN}v1.1.0"}} deploys it'),
    "lower, and nothing is known of before": (
        replace(HIGHER, periods=()), tag("v1.1.0"), TagOutcome.LOWER, "v2.0.0 is higher, and is desired",
        f'{PIN}v1.1.0"}} deploys it'),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_outcome_its_sentence_and_its_fix(case: str) -> None:
    watch, facts, outcome, sentence, remedy = CASES[case]
    found = why(watch, facts)
    assert (found.outcome, message(found, watch, facts), fix(found, watch, facts)) == (outcome, sentence, remedy)


def test_every_outcome_has_a_case() -> None:
    assert {outcome for _, _, outcome, _, _ in CASES.values()} == set(TagOutcome)


def test_what_ran_has_its_times_and_what_took_its_place() -> None:
    found = why(HIGHER, tag("v1.0.0"))
    assert (found.since, found.until, found.other) == (None, at(10), "v2.0.0")
    watch = replace(HIGHER, periods=(ran("v3.0.0", 12), *HIGHER.periods[1:], ran("v0.9.0", -9, -5)))
    assert why(watch, tag("v1.0.0")).other == "v3.0.0"
    again = replace(HIGHER, periods=(ran("v1.0.0", 20), ran("v2.0.0", 10, 20), ran("v1.0.0", 0, 10)))
    assert why(again, tag("v1.0.0", digests=(shown(D1),))).since == at(20)


def test_what_was_deployed_without_an_allocation_has_the_time_of_its_rollout() -> None:
    found = why(PERIODIC, tag("v1.0.0", rollout=rolled_out(OutcomeKind.NEXT_LAUNCH)))
    assert (found.since, found.until, found.other) == (at(20), None, "v1.1.0")


def test_what_ran_before_the_first_check_has_no_beginning() -> None:
    assert why(WATCH, tag("v1.0.0")).since is None
    assert why(replace(WATCH, first_checked_at=at(-1)), tag("v1.0.0")).since == FIRST


@pytest.mark.parametrize("reason", [each for each in HoldReason if each is not HoldReason.UP_TO_DATE])
def test_a_hold_has_its_reason_its_end_and_its_person(reason: HoldReason) -> None:
    watch = desires(reason, paused=ANN, switched_off=ANN, rolled_back=ANN)
    found = why(watch, tag("v1.1.0"))
    assert (found.outcome, found.since, reason_of(found, watch)) == (TagOutcome.HELD, at(1), reason)
    by_person = reason in (HoldReason.PAUSED, HoldReason.AUTO_DEPLOY_OFF, HoldReason.ROLLED_BACK)
    assert held_by(found, watch) == (ANN if by_person else None)


def test_each_hold_has_an_end() -> None:
    assert set(UNTIL) == set(HoldReason)


def test_no_other_outcome_is_a_hold() -> None:
    found = why(WATCH, tag("v1.0.0"))
    assert (reason_of(found, WATCH), held_by(found, WATCH)) == (None, None)


def test_the_spelling_that_counts_is_that_of_the_job() -> None:
    found = why(replace(WATCH, tags=frozenset({"v1.0.0", "2.0.0"})), tag("2.0.0"))
    assert found.unreleased is not None
    assert found.unreleased.kind is NoReleaseKind.OTHER_SPELLING
    empty = replace(
        WATCH,
        desired=Image(tag="", digest=""),
        specified=frozenset(),
        periods=(),
        tags=frozenset({"2.0.0"}),
        decision=None,
    )
    assert why(empty, tag("2.0.0")).outcome is TagOutcome.NO_MANIFEST


@pytest.mark.parametrize(
    ("facts", "known_at", "found_by"),
    [
        (tag("v1"), at(5), FoundBy.POLL),
        (tag("v1", first_push=push(4)), at(4), FoundBy.WEBHOOK),
        (tag("v1", first_push=push(6)), at(5), FoundBy.POLL),
        (tag("v1", listed_at=None, first_push=push(6)), None, FoundBy.UNKNOWN),
        (TagFacts(tag="v1", absent_since=at(9), first_push=push(6)), None, FoundBy.UNKNOWN),
        (TagFacts(tag="v1", first_push=push(6)), at(6), FoundBy.WEBHOOK),
        (TagFacts(tag="v1"), None, FoundBy.UNKNOWN),
    ],
)
def test_when_a_tag_became_known_and_by_what(facts: TagFacts, known_at: object, found_by: FoundBy) -> None:
    assert (facts.known_at, facts.found_by) == (known_at, found_by)


def test_a_tag_has_changed_when_it_had_two_digests_or_two_were_claimed() -> None:
    assert not tag("v1", digests=(shown(),), first_push=push(1), last_push=push(2)).digest_changed
    assert tag("v1", digests=(shown(), shown(D1))).digest_changed
    assert tag("v1", first_push=push(1, D1), last_push=push(2, D2)).digest_changed
    assert (tag("v1").digest, tag("v1", digests=(shown(D2),)).digest) == ("", D2)
