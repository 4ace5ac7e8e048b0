"""What the list is asked for stands in its URL, whole; what makes no sense in one is as if it were not there."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from app.domain.condition import Condition
from app.services.views.board import Search
from app.web.pages.repositories import MAX_TERM, MAX_TERMS, ListQuery, read


def asked(query: str) -> ListQuery:
    return read(QueryParams(query))


def test_chips_text_and_states_are_one_search() -> None:
    found = asked("q=app&q=v1&text=web&state=held&state=failed&from=100")
    assert found == ListQuery(chips=("app", "v1"), text="web", states=("held", "failed"), offset=100)
    assert found.search == Search(terms=("app", "v1", "web"), conditions=frozenset({Condition.HELD, Condition.FAILED}))


@pytest.mark.parametrize(
    "query",
    ["", "q=&text=&state=&from=", "q=%20&text=%20%09", "state=nonsense", "from=-1", "from=x", "from=1e3", "from=٣"],
)
def test_nonsense_asks_for_nothing(query: str) -> None:
    assert asked(query) == ListQuery()
    assert asked(query).search == Search()


def test_the_same_twice_is_once_and_there_are_bounds() -> None:
    assert asked("q=app&q=app%20&state=held&state=held") == ListQuery(chips=("app",), states=("held",))
    many = asked("&".join(f"q=t{number}" for number in range(100)))
    assert len(many.chips) == MAX_TERMS
    assert len(asked("text=" + "x" * 5000).text) == MAX_TERM
    assert len(asked("q=" + "x" * 5000).chips[0]) == MAX_TERM
    assert asked("from=99999999").offset == 0


def test_a_url_changes_only_what_it_is_told_to() -> None:
    found = ListQuery(chips=("a", "b"), text="t", states=("held",), offset=100)
    assert found.url() == "/?q=a&q=b&text=t&state=held&from=100"
    assert found.url(q=("a",), **{"from": 0}) == "/?q=a&text=t&state=held"
    assert ListQuery().url() == "/"


@given(st.lists(st.text(max_size=9), max_size=5), st.text(max_size=9), st.sets(st.sampled_from(list(Condition))))
def test_a_url_asks_for_what_it_was_made_of(chips: list[str], text: str, states: set[Condition]) -> None:
    pairs = [*(("q", chip) for chip in chips), ("text", text), *(("state", state.value) for state in states)]
    first = read(QueryParams(pairs))
    assert read(QueryParams(parse_qsl(urlsplit(first.url()).query))) == first
