"""An event of a registry, as text for people."""

from app.domain.event import Oddity


def test_an_oddity_names_its_place_and_the_problem() -> None:
    assert str(Oddity(where="events[1]", problem="has no 'action'")) == "events[1]: has no 'action'"
