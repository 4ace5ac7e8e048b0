"""Cuts texts of Nomad to one bounded line, so that they fit into messages. Pure."""

_LENGTH = 400


def bounded(text: str, length: int = _LENGTH) -> str:
    """`text` on one line, cut to `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
