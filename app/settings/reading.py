"""Tables to a Document: each key that is unknown or of the wrong kind is noted, and the rest is read without it.

So one run tells everything, and what the keys mean together can still be judged for the sound part.
"""

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.settings.document import Document, table_at
from app.settings.faults import FaultList, Place
from app.settings.nearest import did_you_mean

_WORDS: dict[str, tuple[str, str]] = {
    "bool": ("must be true or false", "Write it without quotes."),
    "int": ("must be a whole number", "Write it without quotes."),
    "list": ("must be a list", 'Write it as ["one", "two"].'),
    "dict": ("must be a table", "Write it as [table.name] with keys below."),
    "model": ("must be a table", "Write it as a [table] with keys below."),
    "less": ("is too large", "It must be below two thousand million."),
}
_WRONG_KIND = ("is of the wrong kind", "See config/sample.toml.")


def read_document(tables: Mapping[str, Any], faults: FaultList) -> Document:
    """The document without its faulty keys, which are added to `faults`; no fault repeats a value."""
    sound = copy.deepcopy(dict(tables))
    try:
        return Document.model_validate(sound)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
    for detail in reversed(details):  # from the end, so that the places of list items stay true
        _remove(sound, detail["loc"])
    for detail in details:
        place = tuple(str(part) for part in detail["loc"] if part != "[key]")
        faults.add(place, *_explained(place, detail))
    return Document.model_validate(sound)


def _explained(place: Place, detail: ErrorDetails) -> tuple[str, str]:
    context = detail.get("ctx", {})
    kind = detail["type"]
    if kind == "refused":
        return context["problem"], context["fix"]
    if kind == "extra_forbidden":
        table = table_at(place[:-1]) or Document
        return "is not a known key", did_you_mean(place[-1], table.model_fields, "Remove it.")
    if kind == "greater_than_equal":
        return "is too small", f"It must be {context['ge']} at least."
    if kind in ("literal_error", "enum"):
        return "is not a known choice", f"Write {context['expected']}."
    return _WORDS.get(kind.partition("_")[0], _WRONG_KIND)


def _remove(tables: Any, loc: tuple[Any, ...]) -> None:
    """Take out what is at `loc`. Where a text stands on the way, which was read as a list, the text goes, once."""
    for part in loc[:-1]:
        inner = tables.get(part) if isinstance(tables, dict) else tables[part]
        if not isinstance(inner, dict | list):
            loc = (part,)
            break
        tables = inner
    if isinstance(tables, list) or loc[-1] in tables:
        del tables[loc[-1]]
