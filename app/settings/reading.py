"""Tables to a Document: each key that is unknown or of the wrong kind becomes a fault, and the rest is read without it.

So one pass finds all faults, and later checks still apply to the sound keys.
"""

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.settings.document import Document, table_at
from app.settings.faults import FaultList, Place
from app.settings.nearest import did_you_mean

_KINDS: dict[str, tuple[str, str]] = {
    "bool": ("must be true or false", "Write it without quotes."),
    "int": ("must be a whole number", "Write it without quotes."),
    "list": ("must be a list", 'Write it as ["one", "two"].'),
    "dict": ("must be a table", "Write it as [table.name] with keys below."),
    "model": ("must be a table", "Write it as a [table] with keys below."),
    "less": ("is too large", "It must be below 2,000,000,000."),
}
_WRONG_KIND = ("is of the wrong kind", "See config/sample.toml.")


def read_document(tables: Mapping[str, Any], faults: FaultList) -> Document:
    """The document without its faulty keys, which go to `faults`; no fault repeats a value."""
    sound = copy.deepcopy(dict(tables))
    try:
        return Document.model_validate(sound)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
    for detail in reversed(details):  # from the end, so that the indices of list items stay valid
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
        return "is too small", f"It must be at least {context['ge']}."
    if kind in ("literal_error", "enum"):
        return "is not a known choice", f"Write {context['expected']}."
    return _KINDS.get(kind.partition("_")[0], _WRONG_KIND)


def _remove(tables: Any, loc: tuple[Any, ...]) -> None:
    """Remove the value at `loc`. If a text that was read as a list is on the way, remove that text, if still there."""
    for part in loc[:-1]:
        inner = tables.get(part) if isinstance(tables, dict) else tables[part]
        if not isinstance(inner, dict | list):
            loc = (part,)
            break
        tables = inner
    if isinstance(tables, list) or loc[-1] in tables:
        del tables[loc[-1]]
