"""Parse a webhook's body as JSON, and read fields of any type from it. Knows no sender.

Every failure is an Odd, with a printable and bounded message, or an Oddity; this file raises no other exception.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import orjson

from app.domain.event import Oddity


class Odd(ValueError):
    """A part of a body that differs from its sender's documentation; the message says which part and how."""

    def at(self, where: str) -> Oddity:
        """The same as a value, to store for people."""
        return Oddity(where=where, problem=str(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The JSON value of a body, an empty object if it cannot be parsed, and the faults of its bytes."""

    value: object
    oddities: tuple[Oddity, ...] = ()


def load(body: bytes) -> Loaded:
    """Parse JSON. Broken UTF-8 and lone surrogates become an oddity, and do not hide the sound parts of a body."""
    try:
        return Loaded(value=orjson.loads(body))
    except ValueError as error:
        oddity = Oddity(where="body", problem=f"is not JSON: {str(error)[:200]}")
    try:
        value: object = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        value = {}
    return Loaded(value=value, oddities=(oddity,))


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object; each read of a field checks its type. null counts as absent."""

    fields: Mapping[str, object]

    @classmethod
    def of(cls, value: object) -> Self:
        """The record of an object; raises Odd for anything else."""
        if not isinstance(value, dict):
            raise Odd(f"is {_kind(value)}, not an object")
        return cls(value)

    def __bool__(self) -> bool:
        return bool(self.fields)

    def text(self, name: str) -> str:
        """The text of a field, "" when absent; raises Odd for another type."""
        value = self.fields.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise Odd(f"'{name}' is {_kind(value)}, not a text")
        return value

    def record(self, name: str) -> "Record":
        """The object of a field, an empty one when absent; raises Odd for another type."""
        value = self.fields.get(name)
        if value is None:
            return Record({})
        try:
            return Record.of(value)
        except Odd as odd:
            raise Odd(f"'{name}' {odd}") from odd

    def list(self, name: str) -> list[object]:
        """The list of a field, an empty one when absent; raises Odd for another type."""
        value = self.fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise Odd(f"'{name}' is {_kind(value)}, not a list")
        return value


def quoted(text: str) -> str:
    """A text for a message: bounded, and without characters that a log or Postgres cannot store."""
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"
