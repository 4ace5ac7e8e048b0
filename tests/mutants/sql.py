"""Small faults planted in SQL: a condition less, a comparison turned round, a lock or an assignment forgotten."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.mutants.operators import Edit

_TOKEN = re.compile(r"'(?:[^']|'')*'|\{[^{}]*\}|::|<>|<=|>=|->>|->|\|\||[A-Za-z_$][\w$.]*|\d+|--[^\n]*|\S")
_STATEMENT = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|WHERE|AND|FOR UPDATE|ORDER BY|RETURNING|IS NULL)\b")
# What ends a condition or an assignment that stands at the same depth.
_KEYWORDS = (
    "AND OR ORDER GROUP LIMIT FOR RETURNING UNION WHERE THEN ELSE END SET FROM LEFT JOIN OFFSET WINDOW HAVING WHEN "
    "SELECT VALUES CROSS FULL , ;"
)
_ENDS = frozenset(_KEYWORDS.split())
_TURNED = {"<": ">", "<=": ">", ">": "<", ">=": "<", "<>": "="}
_SWAPPED = {"true": "false", "false": "true", "greatest": "least", "least": "greatest"}
_SWAPPED |= {"DESC": "ASC", "EXISTS": "NOT EXISTS"}
_LOCKS = re.compile(r"\s+FOR (?:NO KEY )?(?:UPDATE|SHARE)(?: OF [\w, ]+?)?(?: SKIP LOCKED| NOWAIT)?(?=\s*[\n\");]|$)")


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int
    depth: int


def is_sql(text: str) -> bool:
    """Whether a string of a store is a statement or a part of one."""
    return _STATEMENT.search(text) is not None


def edits(segment: str, offset: int) -> Iterator[Edit]:
    """Each fault in the source text of a string; `offset` is where it starts, in bytes."""
    for start, end, text in _edits(segment):
        yield offset + len(segment[:start].encode()), offset + len(segment[:end].encode()), text


def _edits(segment: str) -> Iterator[Edit]:
    tokens = list(_tokens(segment))
    for number, token in enumerate(tokens):
        yield from _condition(tokens, number)
        if token.text in _TURNED and tokens[number - 1].text not in ("-", "@"):
            yield token.start, token.end, _TURNED[token.text]
        elif token.text == "=" and not _is_assignment(tokens, number):
            yield token.start, token.end, "<>"
        elif token.text in _SWAPPED:
            yield token.start, token.end, _SWAPPED[token.text]
        elif token.text == "DISTINCT" and tokens[number + 1].text not in ("ON", "FROM"):
            yield token.start, token.end, ""
        elif token.text == "IS" and number + 1 < len(tokens):
            negated = tokens[number + 1].text == "NOT"
            yield token.start, tokens[number + 1].end if negated else token.end, "IS" if negated else "IS NOT"
        elif token.text == "LEFT" or (token.text == "NOT" and tokens[number - 1].text not in ("IS", "DO")):
            yield token.start, token.end, ""
        elif token.text == "SKIP":
            yield token.start, tokens[number + 1].end, ""
        elif token.text == "coalesce":
            yield from _coalesce(segment, tokens, number)
        elif token.text in ("SET", "ORDER", "LIMIT"):
            yield from _clause(segment, tokens, number)
    for found in _LOCKS.finditer(segment):
        yield found.start(), found.end(), ""


def _tokens(segment: str) -> Iterator[_Token]:
    depth = 0
    for found in _TOKEN.finditer(segment):
        text = found.group()
        if text.startswith("--"):
            continue
        depth -= text == ")"
        yield _Token(text, found.start(), found.end(), depth)
        depth += text == "("


def _end(tokens: list[_Token], number: int, ends: frozenset[str] = _ENDS) -> int:
    """The number of the token that ends what begins with this one."""
    depth = tokens[number].depth
    is_between = False
    for later in range(number, len(tokens)):
        token = tokens[later]
        if token.depth < depth or (token.depth == depth and token.text in ends):
            if token.text == "AND" and is_between:
                is_between = False
                continue
            return later
        if token.text.startswith('"'):
            return later
        is_between = is_between or (token.text == "BETWEEN" and token.depth == depth)
    return len(tokens)


def _condition(tokens: list[_Token], number: int) -> Iterator[Edit]:
    """Without one of the conditions."""
    token = tokens[number]
    if token.text not in ("AND", "WHERE", "OR") or number + 1 >= len(tokens):
        return
    if token.text == "AND" and any(
        each.text == "BETWEEN" and each.depth == token.depth for each in tokens[max(0, number - 4) : number]
    ):
        return
    end = _end(tokens, number + 1)
    if end > number + 1:
        neutral = "" if token.text in ("AND", "OR") else "WHERE true"
        yield token.start, tokens[end - 1].end, neutral


def _is_assignment(tokens: list[_Token], number: int) -> bool:
    """Whether this `=` sets a column."""
    depth = tokens[number].depth
    for earlier in range(number - 1, -1, -1):
        token = tokens[earlier]
        if token.depth < depth:
            return False
        if token.depth == depth:
            if token.text == "SET":
                return True
            if token.text in ("WHERE", "AND", "OR", "ON", "WHEN", "FROM", "SELECT", "HAVING", "CASE", "NOT"):
                return False
    return tokens[0].text == "SET" or "," in [each.text for each in tokens[:number] if each.depth == depth]


def _coalesce(segment: str, tokens: list[_Token], number: int) -> Iterator[Edit]:
    """The first value only."""
    if number + 2 < len(tokens) and tokens[number + 1].text == "(":
        comma = _end(tokens, number + 2, frozenset(","))
        close = _end(tokens, number + 2, frozenset(")"))
        if comma < len(tokens) and close < len(tokens) and tokens[comma].text == ",":
            yield (
                tokens[number].start,
                tokens[close].end,
                f"({segment[tokens[number + 2].start : tokens[comma].start]})",
            )


def _clause(segment: str, tokens: list[_Token], number: int) -> Iterator[Edit]:
    """Without one of the assignments, without the order, without the limit."""
    token = tokens[number]
    if token.text != "SET":
        if tokens[number - 1].text != "(":  # an aggregate's or a window's order stands behind its value
            end = _end(tokens, number + 1, _ENDS - {","})
            yield token.start, tokens[end - 1].end, ""
        return
    if number + 1 >= len(tokens) or tokens[number + 1].text == "LOCAL":
        return
    first = number + 1
    parts: list[tuple[int, int]] = []
    while first < len(tokens):
        end = _end(tokens, first, frozenset([",", "WHERE", "FROM", "RETURNING", ";"]))
        if end > first:
            parts.append((tokens[first].start, tokens[end - 1].end))
        if end >= len(tokens) or tokens[end].text != ",":
            break
        first = end + 1
    texts = [segment[start:end] for start, end in parts]
    if len(texts) > 1:
        for dropped in range(len(texts)):
            kept = [text for index, text in enumerate(texts) if index != dropped]
            yield parts[0][0], parts[-1][1], ", ".join(kept)
