"""The list's URL holds the whole search; a condition that does not exist is refused."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from app.domain.condition import Condition
from app.errors import Rejected
from app.services.views.board import Search
from app.web.pages.repositories import MAX_TERM, MAX_TERMS, MAX_WORDS, ListQuery, read


def parsed(query: str) -> ListQuery:
    return read(QueryParams(query))


def test_chips_text_and_states_are_one_search() -> None:
    found = parsed("q=app&q=v1&text=web&state=held&state=failed&from=100")
    assert found == ListQuery(chips=("app", "v1"), text="web", states=("held", "failed"), offset=100)
    assert found.search == Search(terms=("app", "v1", "web"), conditions=frozenset({Condition.HELD, Condition.FAILED}))


@pytest.mark.parametrize(
    "query",
    ["", "q=&text=&state=&from=", "q=%20&text=%20%09", "from=-1", "from=x", "from=1e3", "from=٣"],
)
def test_empty_values_and_invalid_offsets_are_ignored(query: str) -> None:
    assert parsed(query) == ListQuery()
    assert parsed(query).search == Search()


@pytest.mark.parametrize("query", ["state=nonsense", "state=held&state=Held", "kind=held", "state=" + "x" * 500])
def test_unknown_filters_are_refused(query: str) -> None:
    with pytest.raises(Rejected) as refused:
        parsed(query)
    assert refused.value.status == 400
    assert len(str(refused.value)) < 300
    if query.startswith("state="):
        assert all(each.value in str(refused.value) for each in Condition)


def test_each_word_is_a_term_of_its_own() -> None:
    assert parsed("text=payments%20v1.4").search.terms == ("payments", "v1.4")
    assert parsed("q=payments%20%20v1.4&q=eu&text=v1.4%09x").search.terms == ("payments", "v1.4", "eu", "x")
    assert len(parsed("&".join(f"q=a{number}+b{number}+c{number}" for number in range(20))).search.terms) == MAX_WORDS


def test_duplicate_terms_are_dropped_and_limits_apply() -> None:
    assert parsed("q=app&q=app%20&state=held&state=held") == ListQuery(chips=("app",), states=("held",))
    many = parsed("&".join(f"q=t{number}" for number in range(100)))
    assert len(many.chips) == MAX_TERMS
    assert len(parsed("text=" + "x" * 5000).text) == MAX_TERM
    assert len(parsed("q=" + "x" * 5000).chips[0]) == MAX_TERM
    assert parsed("from=99999999").offset == 0


def test_a_url_changes_only_the_given_parts() -> None:
    found = ListQuery(chips=("a", "b"), text="t", states=("held",), offset=100)
    assert found.url() == "/?q=a&q=b&text=t&state=held&from=100"
    assert found.url(q=("a",), **{"from": 0}) == "/?q=a&text=t&state=held"
    assert ListQuery().url() == "/"


@given(st.lists(st.text(max_size=9), max_size=5), st.text(max_size=9), st.sets(st.sampled_from(list(Condition))))
def test_a_url_reads_back_to_its_query(chips: list[str], text: str, states: set[Condition]) -> None:
    pairs = [*(("q", chip) for chip in chips), ("text", text), *(("state", state.value) for state in states)]
    first = read(QueryParams(pairs))
    assert read(QueryParams(parse_qsl(urlsplit(first.url()).query))) == first
