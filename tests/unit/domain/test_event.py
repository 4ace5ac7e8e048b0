"""An event of a registry, as text for people; and how many events one delivery may have."""

import pytest

from app.domain.event import MOST_EVENTS, EventAction, Oddity, Parsed, PushEvent, bounded

EVENT = PushEvent(action=EventAction.PUSH, host=None, path="team/app", tag="v1.0.0", digest=None, event_id=None)


def test_an_oddity_names_its_place_and_the_problem() -> None:
    assert str(Oddity(where="events[1]", problem="has no 'action'")) == "events[1]: has no 'action'"


@pytest.mark.parametrize("count", [0, 1, MOST_EVENTS])
def test_events_up_to_the_limit_are_all_taken(count: int) -> None:
    parsed = Parsed(events=(EVENT,) * count, ignored=3)
    assert bounded(parsed) == parsed


def test_events_over_the_limit_are_counted_for_people() -> None:
    odd = Oddity(where="body", problem="is odd")
    found = bounded(Parsed(events=(EVENT,) * (MOST_EVENTS + 2_500), ignored=3, oddities=(odd,)))
    assert (len(found.events), found.ignored) == (MOST_EVENTS, 3)
    assert [each.where for each in found.oddities] == ["body", "events"]
    assert "2,500 more events are left out" in found.oddities[1].problem
