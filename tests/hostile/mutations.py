"""Derives bodies from sound and hand-made ones, by a seed: damaged bytes, and JSON with a part changed."""

import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from random import Random
from typing import Any

Json = Any

_VALUES: Sequence[Json] = (
    None, True, False, 0, -1, 2**63, 1e300, "", "x", "\0", "\ud800", "v1\u202e", "../..", "a" * 300, "🚀", [], [[]],
    {}, {"a": 1},
    "sha256:" + "f" * 64, "v2.0.0", "team/other",
)  # fmt: skip


def damaged(body: bytes, random: Random) -> tuple[str, bytes]:
    """The kind of damage, and the bytes after it."""
    kind = random.choice(_DAMAGES)
    return kind.__name__.strip("_"), kind(body, random)


def changed(value: Json, random: Random) -> tuple[str, Json]:
    """The kind of change, and a copy of the JSON with one part changed."""
    copy = deepcopy(value)
    places = list(_places(copy))
    if not places:
        return "replaced", random.choice(_VALUES)
    container, key = random.choice(places)
    kind = random.choice(("deleted", "replaced", "replaced", "renamed", "nested", "repeated", "copied"))
    old = container[key]
    match kind:
        case "deleted":
            del container[key]
        case "renamed" if isinstance(container, dict):
            del container[key]
            container[random.choice((key.upper(), key + " ", "", key[:-1]))] = old
        case "nested":
            container[key] = random.choice(([old], {"value": old}, json.dumps(old)))
        case "repeated":
            container[key] = [deepcopy(old) for _ in range(random.choice((2, 50)))]
        case "copied":
            other, name = random.choice(places)
            container[key] = deepcopy(other[name])
        case _:
            container[key] = random.choice(_VALUES)
    return kind, copy


def _places(value: Json) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _places(inner)


def _flipped(body: bytes, random: Random) -> bytes:
    found = bytearray(body)
    for _ in range(random.choice((1, 1, 1, 5, 50))):
        if found:
            found[random.randrange(len(found))] ^= 1 << random.randrange(8)
    return bytes(found)


def _cut(body: bytes, random: Random) -> bytes:
    return body[: random.randrange(len(body) + 1)]


def _beheaded(body: bytes, random: Random) -> bytes:
    return body[random.randrange(len(body) + 1) :]


def _without_a_piece(body: bytes, random: Random) -> bytes:
    at = random.randrange(len(body) + 1)
    return body[:at] + body[at + random.randrange(1, 40) :]


def _with_a_piece_twice(body: bytes, random: Random) -> bytes:
    at, length = random.randrange(len(body) + 1), random.randrange(1, 200)
    return body[: at + length] + body[at : at + length] + body[at + length :]


def _with_bytes(body: bytes, random: Random) -> bytes:
    at = random.randrange(len(body) + 1)
    piece = random.choice(
        (
            b"\0",
            b"\xff",
            b"\xed\xa0\x80",
            b'"',
            b"\\",
            b"}",
            b"[",
            b"\\u0000",
            b"\\ud800",
            b"1e999",
            b"\n",
            b",",
            b"%00",
        )
    )
    return body[:at] + piece + body[at:]


def _in_another_encoding(body: bytes, random: Random) -> bytes:
    return body.decode("utf-8", "replace").encode(random.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7")))


_DAMAGES: Sequence[Callable[[bytes, Random], bytes]] = (
    _flipped, _cut, _beheaded, _without_a_piece, _with_a_piece_twice, _with_bytes, _in_another_encoding,
)  # fmt: skip
