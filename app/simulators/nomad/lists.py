"""The page of a list that a request gets: `prefix`, `filter`, `reverse`, `per_page` and `next_token`.

Rows are in the server's order. Only the rows of the page are converted to JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.simulators.nomad import filters
from app.simulators.nomad.call import NomadCall
from app.simulators.nomad.filters import Row

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[T]):
    """The parts of a list's rows: `id` for `prefix`, `key` for `next_token`, `fields` for `filter`."""

    id: Callable[[T], str]
    key: Callable[[T], str]
    fields: Callable[[T], Row]


def page(rows: Iterable[T], call: NomadCall, kind: Kind[T]) -> tuple[list[T], str]:
    """The requested rows, and the token of the next page ("" if there is none). Refused 400 for a bad filter."""
    query = call.query
    prefix = query.get("prefix", "")
    test = filters.parse(query["filter"]) if query.get("filter") else None
    found = [
        row
        for row in rows
        if (not prefix or kind.id(row).startswith(prefix)) and (test is None or test(kind.fields(row)))
    ]
    if call.flag("reverse"):
        found.reverse()
    start = query.get("next_token")
    if start:
        found = found[next((place for place, row in enumerate(found) if kind.key(row) == start), len(found)) :]
    size = int(query.get("per_page") or 0)
    if not size or len(found) <= size:
        return found, ""
    return found[:size], kind.key(found[size])
