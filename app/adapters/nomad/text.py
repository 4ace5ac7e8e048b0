"""Makes texts of Nomad fit for messages and for Postgres: one bounded line, only what can be stored. Pure."""

import re

_LENGTH = 400
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # NUL and lone surrogates: JSON can spell them, Postgres takes neither


def storable(text: str) -> str:
    """`text` with a replacement character for each one that Postgres does not take."""
    return _UNSTORABLE.sub("\ufffd", text)


def bounded(text: str, length: int = _LENGTH) -> str:
    """`text` on one line, cut to `length` characters; storable."""
    line = " ".join(storable(text).split())
    return line if len(line) <= length else line[: length - 1] + "…"
