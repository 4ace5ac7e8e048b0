"""The filters in a page's URL. An unknown filter or value is refused: if it were ignored, it would show everything."""

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import TypeVar

from starlette.datastructures import QueryParams

from app.errors import Rejected

_SHOWN = 60

_Value = TypeVar("_Value", bound=StrEnum)


def check_names(params: QueryParams, allowed: Collection[str]) -> None:
    """Rejected (400) for a parameter that the page does not have."""
    unknown = next((name for name in params if name not in allowed), None)
    if unknown is not None:
        raise Rejected(f"filter {_quoted(unknown)} is unknown: use {_listed(sorted(allowed))}")


def values_of(params: QueryParams, name: str, kind: type[_Value]) -> tuple[_Value, ...]:
    """The values of that filter, each once, without empty ones; Rejected (400) for one that does not exist."""
    given = dict.fromkeys(filter(None, params.getlist(name)))
    known = [each.value for each in kind]
    for value in given:
        check_value(name, value, known)
    return tuple(kind(value) for value in given)


def check_value(name: str, value: str, allowed: Collection[str]) -> None:
    """Rejected (400) for a value of that filter that does not exist."""
    if value not in allowed:
        choice = f"use {_listed(allowed)}" if allowed else "leave it out, there is none yet"
        raise Rejected(f"{name}={_quoted(value)} is unknown: {choice}")


def _listed(allowed: Iterable[str]) -> str:
    *most, last = allowed
    return f"{', '.join(most)} or {last}" if most else last


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
