"""The status and plain text with which the simulated agent refuses a request.

Texts are Nomad's own, word for word. (docs/nomad.md, section 2) This module does not decide when to refuse.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class Refused(Exception):
    """A refused request. `index` is set where Nomad sends X-Nomad-Index with a 404."""

    def __init__(self, status: int, text: str, *, index: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.index = index


def invalid(*problems: str) -> Refused:
    """A failed validation: a 500 in the layout of hashicorp/go-multierror."""
    return Refused(500, multi_error(*problems))


def multi_error(*problems: str) -> str:
    count = len(problems)
    lines = "\n".join(f"\t* {problem}" for problem in problems)
    return f"{count} error{'s' if count != 1 else ''} occurred:\n{lines}\n\n"
