"""The acceptance of a delivery, for all possible contents."""

import pytest

from app.domain.acceptance import OF_CONTENT, OF_NOTHING, Acceptance, Content, acceptance_of, content_without_events
from app.domain.event import Oddity, Parsed


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ((), Acceptance.IGNORED),
        ((Content.KNOWN,), Acceptance.DUPLICATE),
        ((Content.KNOWN, Content.NEW), Acceptance.ACCEPTED),
        ((Content.NEW,), Acceptance.ACCEPTED),
        ((Content.NEW, Content.ODD), Acceptance.QUARANTINED),
        ((Content.KNOWN, Content.NEW, Content.ODD), Acceptance.QUARANTINED),
        ((Content.ODD, Content.KNOWN), Acceptance.QUARANTINED),
        ((Content.ODD,), Acceptance.QUARANTINED),
    ],
)
def test_the_first_that_it_holds_counts(content: tuple[Content, ...], found: Acceptance) -> None:
    assert acceptance_of(content) is found


def test_each_content_and_each_acceptance_is_in_the_table() -> None:
    assert set(OF_CONTENT) == set(Content)
    assert {*OF_CONTENT.values(), OF_NOTHING} == set(Acceptance)


def test_without_events_only_what_was_not_understood_counts() -> None:
    odd = Parsed(ignored=1, oddities=(Oddity(where="events[0]", problem="'tag' is a number, not a text"),))
    assert acceptance_of(content_without_events(odd)) is Acceptance.QUARANTINED
    assert acceptance_of(content_without_events(Parsed(ignored=3))) is Acceptance.IGNORED
