"""What a body may tell at most, found without our parser: the oracle for bodies that nobody labelled."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.hostile.site import StoredEvent

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_PATH = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{32,}", re.ASCII)
_SIZES = {"sha256": 64, "sha512": 128}


def may_tell(body: bytes) -> set[tuple[str, str, str, str | None, str | None]]:
    """Every (action, path, tag, digest, identity) that the body spells out in one of its events, of valid names only.

    Bytes that are no UTF-8 are taken for replacement characters, which no name contains.
    """
    try:
        value = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return set()
    return set(_told(value))


def as_told(row: StoredEvent) -> tuple[str, str, str, str | None, str | None]:
    """A row in the form of `may_tell`."""
    return row.action, row.path, row.tag, row.digest, row.identity


def _told(value: Any) -> Iterator[tuple[str, str, str, str | None, str | None]]:
    events = value.get("events") if isinstance(value, dict) else None
    for event in events if isinstance(events, list) else ():
        target = event.get("target") if isinstance(event, dict) else None
        if not isinstance(target, dict) or event.get("action") not in ("push", "delete"):
            continue
        tag, path, digest, identity = target.get("tag"), target.get("repository"), target.get("digest"), event.get("id")
        if identity is not None and not isinstance(identity, str):
            continue
        if _is(_TAG, tag) and _is(_PATH, path) and (not digest or _is_digest(digest)):
            yield event["action"], str(path), str(tag), str(digest) if digest else None, identity or None


def _is(expression: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and expression.fullmatch(value) is not None


def _is_digest(value: object) -> bool:
    if not isinstance(value, str) or not _is(_DIGEST, value):
        return False
    algorithm, _, content = value.partition(":")
    return algorithm not in _SIZES or (len(content) == _SIZES[algorithm] and content == content.lower())
