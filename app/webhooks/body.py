"""Answers what JSON a webhook's body holds, and reads fields from it that may be of any type. Knows no sender.

Every failure is an Odd, whose message is printable and bounded, or an Oddity; no other exception leaves this file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import orjson

from app.domain.event import Oddity


class Odd(ValueError):
    """A part that is not of the shape that its sender documents; the message says which and why."""

    def at(self, where: str) -> Oddity:
        """The value to keep for a person to see."""
        return Oddity(where=where, problem=str(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The JSON value of a body, an empty object when there is none to be had, and what was wrong with its bytes."""

    value: object
    oddities: tuple[Oddity, ...] = ()


def load(body: bytes) -> Loaded:
    """Read JSON; broken UTF-8 and lone surrogates do not hide the good parts of a body, but are told."""
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
    """A JSON object whose fields are read with their type checked. null and absent are the same."""

    fields: Mapping[str, object]

    @classmethod
    def of(cls, value: object) -> Self:
        """Take an object; raise Odd for anything else."""
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
    """A text to show in a message: bounded, and with nothing that a log or Postgres could not hold."""
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
