"""What a registry shows for one watch, how often it is asked, and when an event is answered."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.answers import Outlook
from app.domain.decision import Hold, HoldReason
from app.domain.event import EventAction
from app.domain.history import Desired, Image
from app.domain.rule import Rule
from app.errors import RegistryDenied, RegistryUnavailable
from app.services.reconcile.resolver import EVENT_PAUSES, Resolver, answer, pause_after
from tests.fakes.registry import MemoryRegistry, digest_of
from tests.unit.domain.cases import D1, D2, D3
from tests.unit.services.reconcile.values import event, resolved, state

PATH = "team/app"
DECIDED = Outlook(
    decision=Hold(reason=HoldReason.UP_TO_DATE, message="the decision"),
    desired=Image(tag="v1.1.0", digest=D2),
    current_tag="v1.0.0",
)
PINNED = Rule(pinned_tag="test")


@pytest.fixture
def registry() -> MemoryRegistry:
    registry = MemoryRegistry()
    for tag in ("v1.0.0", "v1.1.0", "test"):
        registry.push(PATH, tag)
    return registry


async def test_following_wants_the_highest_release(registry: MemoryRegistry) -> None:
    found = await Resolver(registry, state()).resolve("v1.0.0", relist=False)
    assert found.desired == Desired(tag="v1.1.0", digest=digest_of("v1.1.0"))
    assert set(found.tags or ()) == {"v1.0.0", "v1.1.0", "test"}
    assert found.digests == {"v1.1.0": digest_of("v1.1.0")}
    assert registry.asked == 2


@pytest.mark.parametrize(("relist", "asked"), [(False, 1), (True, 2)])
async def test_pinned_wants_its_tag_and_lists_only_when_told(
    registry: MemoryRegistry, relist: bool, asked: int
) -> None:
    found = await Resolver(registry, state(rule=PINNED)).resolve(None, relist=relist)
    assert found.desired == Desired(tag="test", digest=digest_of("test"))
    assert (found.tags is not None) is relist
    assert registry.asked == asked


async def test_a_repository_that_never_had_a_push_wants_nothing() -> None:
    for rule in (Rule(), PINNED):
        found = await Resolver(MemoryRegistry(), state(rule=rule)).resolve(None, relist=True)
        assert (found.desired, found.tags) == (None, ())


async def test_a_pinned_tag_that_is_gone_is_not_wanted(registry: MemoryRegistry) -> None:
    del registry.images[PATH]["test"]
    found = await Resolver(registry, state(rule=PINNED)).resolve(None, relist=False)
    assert found.desired is None
    assert found.digests == {"test": ""}


async def test_releases_without_a_manifest_and_the_bound_on_them_are_reported(registry: MemoryRegistry) -> None:
    lacking = [f"v2.{minor}.0" for minor in range(9)]
    for tag in lacking:
        registry.push(PATH, tag)
    registry.unlinked.update(lacking)
    found = await Resolver(registry, state()).resolve("v1.0.0", relist=False)
    assert (found.desired, found.listed.is_cut) == (None, True)
    assert found.listed.without_manifest == ("v2.8.0", "v2.7.0", "v2.6.0", "v2.5.0", "v2.4.0", "v2.3.0")

    for tag in lacking[1:]:
        del registry.images[PATH][tag]
    found = await Resolver(registry, state()).resolve("v1.0.0", relist=False)
    assert (found.desired, found.listed.is_cut) == (Desired(tag="v1.1.0", digest=digest_of("v1.1.0")), False)
    assert found.listed.without_manifest == ("v2.0.0",)


async def test_a_repository_that_is_not_there_differs_from_one_without_tags(registry: MemoryRegistry) -> None:
    found = await Resolver(registry, state()).resolve(None, relist=False)
    assert found.listed.repository_exists
    absent = await Resolver(MemoryRegistry(), state()).resolve(None, relist=False)
    assert not absent.listed.repository_exists


async def test_an_event_that_was_not_asked_for_says_so(registry: MemoryRegistry) -> None:
    events = tuple(event(f"v9.{number}.0", event_id=number) for number in range(20))
    watched = state(events=events)
    found = await Resolver(registry, watched).resolve("v1.0.0", relist=False)
    answers = {each.tag: answer(each, found, watched, DECIDED) for each in events}
    assert found.unread == {f"v9.{number}.0" for number in range(16, 20)}
    assert found.listed.without_manifest == (), "they are in no list"
    assert "was not asked for" in answers["v9.19.0"].message
    assert answers["v9.3.0"].message == "the registry does not show this digest for v9.3.0 yet"


@pytest.mark.parametrize("outage", [RegistryUnavailable("later"), RegistryDenied("no")])
async def test_what_the_registry_does_not_tell_is_raised(registry: MemoryRegistry, outage: Exception) -> None:
    registry.outage = outage
    for rule in (Rule(), PINNED):
        with pytest.raises(type(outage)):
            await Resolver(registry, state(rule=rule)).resolve(None, relist=True)


async def test_a_release_that_is_listed_and_not_linked_is_passed_over(registry: MemoryRegistry) -> None:
    registry.unlinked = {"v1.1.0"}
    found = await Resolver(registry, state()).resolve("v1.0.0", relist=False)
    assert found.desired == Desired(tag="v1.0.0", digest=digest_of("v1.0.0"))
    assert found.digests["v1.1.0"] == ""


async def test_passing_over_has_an_end(registry: MemoryRegistry) -> None:
    registry.unlinked = {f"v2.{minor}.0" for minor in range(50)}
    for tag in registry.unlinked:
        registry.push(PATH, tag)
    found = await Resolver(registry, state()).resolve("v1.0.0", relist=False)
    assert found.desired is None
    assert registry.asked == 7


async def test_a_release_that_an_event_names_is_asked_for_though_the_list_lacks_it(registry: MemoryRegistry) -> None:
    named = state(events=(event("v1.2.0"), event("v9.0.0", action=EventAction.DELETE), event("latest")))
    found = await Resolver(registry, named).resolve("v1.0.0", relist=False)
    assert found.digests == {"v1.2.0": "", "v1.1.0": digest_of("v1.1.0")}


async def test_made_up_releases_hide_nothing_and_are_bounded(registry: MemoryRegistry) -> None:
    made_up = state(events=tuple(event(f"v9.{minor}.0") for minor in range(100)))
    found = await Resolver(registry, made_up).resolve("v1.0.0", relist=False)
    assert found.desired == Desired(tag="v1.1.0", digest=digest_of("v1.1.0"))
    assert registry.asked == 1 + 16 + 1


async def test_each_tag_is_asked_for_once(registry: MemoryRegistry) -> None:
    resolver = Resolver(registry, state())
    assert [await resolver.digest("test"), await resolver.digest("test")] == [digest_of("test")] * 2
    assert registry.asked == 1


async def test_what_is_no_index_has_no_children(registry: MemoryRegistry) -> None:
    resolver = Resolver(registry, state())
    found = await resolver.resolve("v1.0.0", relist=False)
    assert found.desired is not None
    assert await resolver.children(found.desired) == found.desired


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, D2),
        ({"digest": ""}, D3),
        ({"action": EventAction.DELETE}, D3),
        ({"before": D1}, D3),
    ],
)
def test_an_event_is_answered_when_the_tag_has_caught_up(fields: dict[str, Any], shown: str) -> None:
    found = answer(event(**fields), resolved("v1.1.0", shown), state(), DECIDED)
    assert (found.settled, found.message) == (True, "the decision")


def test_an_event_of_another_tag_is_answered_for_that_tag() -> None:
    found = answer(event(tag="v0.0.1"), resolved("v1.1.0", D3), state(), DECIDED)
    assert (found.settled, found.pending, found.message) == (True, False, "v1.1.0 is higher")


def test_an_event_whose_tag_waits_is_answered_again_later() -> None:
    busy = replace(DECIDED, decision=Hold(reason=HoldReason.BUSY, message="a rollout is under way"))
    found = answer(event(), resolved("v1.1.0", D2), state(), busy)
    assert (found.settled, found.pending, found.message) == (True, True, "a rollout is under way")


@pytest.mark.parametrize(
    ("fields", "shown"),
    [({}, ""), ({"before": D1}, ""), ({}, D3), ({"before": D1}, D1)],
)
def test_an_event_is_not_answered_by_what_was_there_before(fields: dict[str, Any], shown: str) -> None:
    found = answer(event(**fields), resolved("v1.1.0", shown), state(), DECIDED)
    assert (found.settled, found.message) == (False, "the registry does not show this digest for v1.1.0 yet")


def test_an_event_is_not_answered_by_the_push_before_it() -> None:
    first, second = event(digest=D1, event_id=1), event(digest=D2, event_id=2, before=D3)
    both = state(events=(second, first))
    assert not answer(second, resolved("v1.1.0", D1), both, DECIDED).settled
    assert answer(first, resolved("v1.1.0", D1), both, DECIDED).settled
    alone = state(events=(second,), desired_tag="v1.1.0", desired_digest=D1)
    assert not answer(second, resolved("v1.1.0", D1), alone, DECIDED).settled


def test_an_event_is_answered_by_the_push_after_it() -> None:
    first, second = event(digest=D1, event_id=1), event(digest=D2, event_id=2)
    assert answer(first, resolved("v1.1.0", D2), state(events=(second, first)), DECIDED).settled


def test_an_event_has_five_more_looks() -> None:
    requeue_delays: list[float] = []
    pushed, age = event(), 0.02
    while (pause := pause_after(replace(pushed, attempts=len(requeue_delays), age=age))) is not None:
        requeue_delays.append(pause)
        age += pause + 0.005
    assert requeue_delays == pytest.approx(EVENT_PAUSES, abs=0.03)
    last = answer(replace(pushed, attempts=5, age=age), resolved("v1.1.0", ""), state(), DECIDED)
    assert (last.settled, last.message) == (True, "the registry never showed this digest for v1.1.0")


def test_looks_for_other_reasons_do_not_use_an_event_up() -> None:
    busy = event(attempts=50, age=0.5)
    assert pause_after(busy) == pytest.approx(0.75)
    assert not answer(busy, resolved("v1.1.0", ""), state(), DECIDED).settled


def test_time_alone_does_not_use_an_event_up() -> None:
    late = event(attempts=0, age=86_400.0)
    assert pause_after(late) == EVENT_PAUSES[0]
    assert not answer(late, resolved("v1.1.0", ""), state(), DECIDED).settled
