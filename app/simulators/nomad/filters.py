"""The query parameter `filter` of lists: the part of hashicorp/go-bexpr that clients use here.

`==`, `!=`, `in`, `not in`, `contains`, `not contains`, `is [not] empty`, `matches`, `not`, `and`, `or`, parentheses. An
expression that cannot be parsed is refused with the text of go-bexpr's parser. No quantifiers (`any`, `all`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from app.simulators.nomad.refusal import Refused

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

SPACE = re.compile(r"[ \t\r\n]*")
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"|`([^`]*)`|(-?\d+(?:\.\d+)?|[a-zA-Z][a-zA-Z0-9_]*)')
SELECTOR = re.compile(r'[a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z0-9_]+|\["[^"]*"\])*')
STEP = re.compile(r'\.?([a-zA-Z0-9_]+)|\["([^"]*)"\]')
OPERATOR = re.compile(r"==|!=|is\s+not\s+empty\b|is\s+empty\b|not\s+contains\b|contains\b|matches\b|not\s+matches\b")
MEMBER = re.compile(r"(not\s+)?in\b")

START = r'"(", "-", "0", "\"", "`", "all", "any", "not", [ \t\r\n], [1-9] or [a-zA-Z]'
VALUE = r'"-", "0", "\"", "`", [ \t\r\n], [1-9] or [a-zA-Z]'
OPERATORS = r'"!=", "==", "contains", "in", "is", "matches", "not" or [ \t\r\n]'
AFTER = r"[ \t\r\n]"
UNREADABLE = (
    "failed to create result paginator: failed to read filter expression: 1:{} ({}): no match found, expected: {}"
)


def parse(text: str) -> Test:
    """The test that an expression applies to each row.

    Refused 400 if the expression cannot be parsed. The test itself raises Refused 400 if a row has no such field.
    """
    reader = _Reader(text)
    test = reader.either()
    if reader.left():
        raise reader.refusal(AFTER)
    return test


class _Reader:
    """A recursive descent over one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def either(self) -> Test:
        tests = [self._both()]
        while self._take(re.compile(r"or\b")):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def left(self) -> bool:
        self._skip()
        return self._at < len(self._text)

    def refusal(self, expected: str) -> Refused:
        return Refused(400, UNREADABLE.format(self._at + 1, self._at, expected))

    def _both(self) -> Test:
        tests = [self._one()]
        while self._take(re.compile(r"and\b")):
            if self._at >= len(self._text):
                raise self.refusal(AFTER)
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self._take(re.compile(r"not\b")):
            test = self._one()
            return lambda row: not test(row)
        if self._take(re.compile(r"\(")):
            inner = self.either()
            if not self._take(re.compile(r"\)")):
                raise self.refusal('")"')
            return inner
        return self._comparison()

    def _comparison(self) -> Test:
        start = self._at
        literal = self._take(TEXT)
        if literal is None:
            raise self.refusal(START)
        member = self._take(MEMBER)
        if member is not None:
            return _member(self._path(), _value(literal), expected=not member[1])
        self._at = start
        path = self._path()
        operator = self._take(OPERATOR)
        if operator is None:
            raise self.refusal(OPERATORS)
        words = operator[0].split()
        if words[-1] == "empty":
            return _emptiness(path, expected="not" not in words)
        given = self._take(TEXT)
        if given is None:
            raise self.refusal(VALUE)
        return _compared(path, words, _value(given))

    def _path(self) -> list[str]:
        found = self._take(SELECTOR)
        if found is None:
            raise self.refusal(START)
        return [plain or quoted for plain, quoted in STEP.findall(found[0])]

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        start = self._at
        self._skip()
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found is not None else (self._at if pattern in (TEXT, OPERATOR) else start)
        return found

    def _skip(self) -> None:
        found = SPACE.match(self._text, self._at)
        self._at = found.end() if found is not None else self._at


def _compared(path: list[str], words: list[str], text: str) -> Test:
    expected = words[0] not in ("!=", "not")
    if words[-1] == "contains":
        return _member(path, text, expected=expected)
    if words[-1] == "matches":
        pattern = re.compile(text)
        return lambda row: (pattern.search(str(_at(row, path))) is not None) is expected
    return lambda row: _equal(_at(row, path), text) is expected


def _member(path: list[str], text: str, *, expected: bool) -> Test:
    return lambda row: (text in (_at(row, path) or ())) is expected


def _emptiness(path: list[str], *, expected: bool) -> Test:
    return lambda row: (not _at(row, path)) is expected


def _equal(found: Any, text: str) -> bool:
    if isinstance(found, bool):
        return found is (text in ("1", "t", "T", "true", "TRUE", "True"))
    return found is not None and str(found) == text


def _at(row: Row, path: list[str]) -> Any:
    """The value at `path`, None if a map has no such key. Refused 400 for a field that this kind of row never has."""
    if path[0] not in row:
        why = f"error finding value in datum: /{'/'.join(path)} at part 0: couldn't find key: struct field with name"
        raise Refused(400, f'failed to read result page: {why} "{path[0]}"')
    found: Any = row
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _value(found: re.Match[str]) -> str:
    quoted, raw, bare = found.groups()
    return re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else raw if raw is not None else bare
