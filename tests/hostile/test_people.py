"""Given any request at a person's door, its status is as labelled, a refusal changes nothing, and deliveries go on."""

from collections.abc import Iterator, Sequence

import pytest

from tests.hostile import addresses, commands, forms, heads
from tests.hostile.people_label import PeopleCase
from tests.hostile.site import Site

AT_ONCE = 20  # cases of one test; if one of them changes something, or stops deliveries, each is tried alone
MODULES = (commands, forms, addresses, heads)
CASES: Sequence[PeopleCase] = [each for module in MODULES for each in module.cases()]


def groups() -> Iterator[Sequence[PeopleCase]]:
    """Cases that change nothing, and then the others."""
    for refused in True, False:
        chosen = [each for each in CASES if each.changes_nothing is refused]
        yield from (chosen[at : at + AT_ONCE] for at in range(0, len(chosen), AT_ONCE))


def test_every_case_is_another() -> None:
    assert len({each.name for each in CASES}) == len({each.request for each in CASES}) == len(CASES)
    assert len(CASES) > 1_000
    print({module.__name__.rpartition(".")[2]: len(list(module.cases())) for module in MODULES})


@pytest.mark.parametrize("cases", list(groups()), ids=lambda cases: f"{cases[0].name} and {len(cases) - 1} more")
def test_requests_are_answered_as_labelled(here: Site, cases: Sequence[PeopleCase]) -> None:
    before = here.state()
    found = {each.name: (each.status, here.send(each.request).status) for each in cases}
    assert {name: pair for name, pair in found.items() if pair[0] != pair[1]} == {}
    if not as_before(here, before, cases):
        for each in cases:
            before = here.state()
            here.send(each.request)
            assert as_before(here, before, [each]), each.name


def as_before(here: Site, before: dict[str, object], cases: Sequence[PeopleCase]) -> bool:
    """Whether deliveries are accepted, and refused commands changed nothing."""
    return here.is_live() and (not all(each.changes_nothing for each in cases) or here.state() == before)
