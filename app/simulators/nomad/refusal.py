"""Answers one question: with which status and plain text does the simulated agent refuse a request?

Texts are Nomad's own, word for word (docs/nomad.md, section 2); nothing here decides when to refuse.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class Refused(Exception):
    """A request the agent turns down; `index` is set where Nomad sends X-Nomad-Index with a 404."""

    def __init__(self, status: int, text: str, *, index: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.index = index


def invalid(*problems: str) -> Refused:
    """A failed validation: hashicorp/go-multierror's layout, in a 500."""
    return Refused(500, multi_error(*problems))


def multi_error(*problems: str) -> str:
    count = len(problems)
    lines = "\n".join(f"\t* {problem}" for problem in problems)
    return f"{count} error{'s' if count != 1 else ''} occurred:\n{lines}\n\n"
