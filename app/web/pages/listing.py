"""The page at /: all watches, those that need a person first, by search and by condition; rows and suggestions for it.

What is searched for stands in the URL: ?q= once for each filter chip, ?text= what is being typed, ?state= conditions.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.domain.condition import Condition
from app.services.views.board import Listing, Search
from app.web.http.auth import Role
from app.web.render import labels
from app.web.render.pages import Pages, show
from app.web.running import role, running

PER_PAGE = 100
SUGGESTED = 12
MAX_TERMS = 20
MAX_TERM = 200
ROWS = 100
_FIRST = {"from": 0}

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
    """What the URL asks for; `offset` is how many watches come before the page."""

    chips: tuple[str, ...] = ()
    text: str = ""
    states: tuple[str, ...] = ()
    offset: int = 0

    @property
    def search(self) -> Search:
        """The same for the store; what is being typed counts like a chip."""
        terms = tuple(term for term in (*self.chips, self.text) if term)
        return Search(terms=terms, conditions=frozenset(Condition(state) for state in self.states))

    def url(self, **changes: object) -> str:
        """The URL of the same with `changes`."""
        values = {"q": self.chips, "text": self.text, "state": self.states, "from": self.offset, **changes}
        query = urlencode({name: value for name, value in values.items() if value}, doseq=True)
        return f"/?{query}" if query else "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A filter, and the URL without it."""

    term: str
    without: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A condition to filter by, how many watches are in it, and the URL that adds or drops it."""

    label: str
    tone: str
    count: int
    href: str
    chosen: bool


async def show_page(request: Request) -> Response:
    """200 with the page; 303 to where what was typed is a chip, when it was sent as one, and from behind the end."""
    asked = read(request.query_params)
    if "add" in request.query_params:
        chips = tuple(dict.fromkeys((*asked.chips, *filter(None, [asked.text]))))
        return RedirectResponse(asked.url(q=chips, text=""), 303)
    found = await running(request).services.board.listing(asked.search, offset=asked.offset, limit=PER_PAGE)
    if asked.offset and found.found and not found.watches:
        return RedirectResponse(asked.url(**_FIRST), 303)  # it has become shorter meanwhile
    shown_until = asked.offset + len(found.watches)
    values = {
        "search": asked,
        "listing": found,
        "first": asked.offset + 1,
        "chips": [Chip(term=term, without=asked.url(q=_without(asked.chips, term), **_FIRST)) for term in asked.chips],
        "conditions": _conditions(asked, found),
        "earlier": asked.url(**{"from": max(0, asked.offset - PER_PAGE)}) if asked.offset else "",
        "later": asked.url(**{"from": shown_until}) if shown_until < found.found else "",
        "example": EXAMPLE,
    }
    return await show(request, "repositories.html", values, title="Repositories")


async def show_rows(request: Request) -> Response:
    """200 with the rows of the watches that ?name= lists, for a page that shows them already."""
    names = request.query_params.getlist("name")[:ROWS]
    board = running(request).services.board
    watches = await board.named(names)
    situation = await board.situation()
    pages: Pages = request.app.state.pages
    values = {"watches": watches, "now": situation.now, "may_change": role(request) >= Role.DEPLOYER}
    return pages.response("rows.html", values)


async def suggest(request: Request) -> Response:
    """200 with names and tags that hold ?text=, as options for the search field."""
    text = request.query_params.get("text", "").strip()[:MAX_TERM]
    found = await running(request).services.board.suggestions(text, limit=SUGGESTED) if text else ()
    pages: Pages = request.app.state.pages
    return pages.response("suggestions.html", {"suggestions": found})


def read(query: QueryParams) -> ListQuery:
    """What the URL asks for; whatever makes no sense in it is as if it were not there."""
    terms = [term.strip()[:MAX_TERM] for term in query.getlist("q")[:MAX_TERMS]]
    states = [state for state in query.getlist("state") if state in set(Condition)]
    offset = query.get("from", "")
    return ListQuery(
        chips=tuple(dict.fromkeys(filter(None, terms))),
        text=query.get("text", "").strip()[:MAX_TERM],
        states=tuple(dict.fromkeys(states)),
        offset=int(offset) if offset.isascii() and offset.isdigit() and len(offset) < 8 else 0,
    )


def _conditions(asked: ListQuery, found: Listing) -> list[Counted]:
    return [
        Counted(
            label=labels.CONDITIONS[each],
            tone=labels.TONES[each],
            count=found.counts.get(each, 0),
            href=asked.url(
                state=_without(asked.states, each.value) if each in asked.states else (*asked.states, each.value),
                **_FIRST,
            ),
            chosen=each in asked.states,
        )
        for each in Condition
        if found.counts.get(each, 0) or each in asked.states
    ]


def _without(values: tuple[str, ...], gone: str) -> tuple[str, ...]:
    return tuple(value for value in values if value != gone)
