"""The page at /: all watches, those that need a person first, by search and condition; and its suggestions.

The search is in the URL: ?q= for each filter chip, ?text= for the text being typed, ?state= for conditions.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.condition import Condition
from app.services.views.board import Listing, Search
from app.web.http.filters import check_names, values_of
from app.web.process import process_of
from app.web.render import labels
from app.web.render.pages import Pages, show

PER_PAGE = 100
SUGGESTED = 12
MAX_TERMS = 20
MAX_TERM = 200
MAX_WORDS = 40
_FIRST = {"from": 0}
_FILTERS = ("q", "text", "state", "from", "add")

EXAMPLE = """\
watched_repositories = ["app"]

[registry_map.main]
registry_domain = "registry.example.com"

[repo_map.app]                # registry.example.com/app
registry_name = "main"
nomad_job_name = "app"
nomad_task_name = "server"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """The search in the URL; `offset` is the number of watches before the page."""

    chips: tuple[str, ...] = ()
    text: str = ""
    states: tuple[str, ...] = ()
    offset: int = 0

    @property
    def search(self) -> Search:
        """The search for the store: the words of the chips and of the text being typed. Each may be found elsewhere."""
        words = dict.fromkeys(word for text in (*self.chips, self.text) for word in text.split())
        return Search(terms=tuple(words)[:MAX_WORDS], conditions=frozenset(Condition(state) for state in self.states))

    def url(self, **changes: object) -> str:
        """The URL of this search with `changes`."""
        values = {"q": self.chips, "text": self.text, "state": self.states, "from": self.offset, **changes}
        query = urlencode({name: value for name, value in values.items() if value}, doseq=True)
        return f"/?{query}" if query else "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A filter, and the URL without it."""

    term: str
    without: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionFilter:
    """A condition to filter by, the number of its watches, and the URL that adds or drops it."""

    name: str
    label: str
    tone: str
    count: int
    href: str
    chosen: bool


async def show_page(request: Request) -> Response:
    """200 with the page; 303 when the typed text becomes a chip, and from behind the last page to the first; 400 for an
    unknown filter."""
    query = read(request.query_params)
    if "add" in request.query_params:
        chips = tuple(dict.fromkeys((*query.chips, *filter(None, [query.text]))))
        return RedirectResponse(query.url(q=chips, text=""), 303)
    found = await process_of(request).services.board.listing(query.search, offset=query.offset, limit=PER_PAGE)
    if query.offset and found.found and not found.watches:
        return RedirectResponse(query.url(**_FIRST), 303)  # the list became shorter meanwhile
    shown_until = query.offset + len(found.watches)
    values = {
        "search": query,
        "listing": found,
        "first": query.offset + 1,
        "chips": [Chip(term=term, without=query.url(q=_without(query.chips, term), **_FIRST)) for term in query.chips],
        "conditions": _conditions(query, found),
        "earlier": query.url(**{"from": max(0, query.offset - PER_PAGE)}) if query.offset else "",
        "later": query.url(**{"from": shown_until}) if shown_until < found.found else "",
        "example": EXAMPLE,
    }
    return await show(request, "repositories.html", values, title="Repositories")


async def suggest(request: Request) -> Response:
    """200 with the names and tags that contain ?text=, as options for the search field."""
    text = request.query_params.get("text", "").strip()[:MAX_TERM]
    found = await process_of(request).services.board.suggestions(text, limit=SUGGESTED) if text else ()
    pages: Pages = request.app.state.pages
    return pages.response("suggestions.html", {"suggestions": found})


def read(params: QueryParams) -> ListQuery:
    """The search in the URL. Rejected (400) for an unknown condition or filter; an offset that is no number is 0."""
    check_names(params, _FILTERS)
    terms = [term.strip()[:MAX_TERM] for term in params.getlist("q")[:MAX_TERMS]]
    offset = params.get("from", "")
    return ListQuery(
        chips=tuple(dict.fromkeys(filter(None, terms))),
        text=params.get("text", "").strip()[:MAX_TERM],
        states=tuple(each.value for each in values_of(params, "state", Condition)),
        offset=int(offset) if offset.isascii() and offset.isdigit() and len(offset) < 8 else 0,
    )


def _conditions(query: ListQuery, found: Listing) -> list[ConditionFilter]:
    return [
        ConditionFilter(
            name=each.value,
            label=labels.CONDITIONS[each],
            tone=labels.TONES[each],
            count=found.counts.get(each, 0),
            href=query.url(
                state=_without(query.states, each.value) if each in query.states else (*query.states, each.value),
                **_FIRST,
            ),
            chosen=each in query.states,
        )
        for each in Condition
        if found.counts.get(each, 0) or each in query.states
    ]


def _without(values: tuple[str, ...], removed: str) -> tuple[str, ...]:
    return tuple(value for value in values if value != removed)
