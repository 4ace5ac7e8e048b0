"""The output of several programs on one terminal: whole lines, each with its program's name. Must not read content."""

import os
from collections.abc import Callable, Sequence
from typing import TextIO

Show = Callable[[str, str], None]  # the name of a service, one line without its end

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)  # of SGR, readable on dark and light
LONGEST_LINE = 100_000


class Lines:
    """Splits a stream of bytes into lines. Splits a line that is too long, and replaces undecodable bytes."""

    def __init__(self) -> None:
        self._begun = b""

    def take(self, chunk: bytes) -> list[str]:
        """The lines that this chunk completes."""
        *whole, self._begun = (self._begun + chunk).split(b"\n")
        if len(self._begun) > LONGEST_LINE:
            whole.append(self._begun)
            self._begun = b""
        return [_text(line) for line in whole]

    def rest(self) -> list[str]:
        """The last line, if the stream ended within it."""
        rest, self._begun = self._begun, b""
        return [_text(rest)] if rest else []


def prefixed(names: Sequence[str], stream: TextIO) -> Show:
    """A Show that writes `name | line` to the stream, in a colour for each name on a terminal without NO_COLOR."""
    width = max(map(len, names), default=0)
    coloured = stream.isatty() and not os.environ.get("NO_COLOR")
    colours = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}

    def show(name: str, line: str) -> None:
        prefix = f"{name:<{width}} |"
        if coloured:
            prefix = f"\x1b[{colours.get(name, 37)}m{prefix}\x1b[0m"
        stream.write(f"{prefix} {line}\n")
        stream.flush()

    return show


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode(errors="replace")
