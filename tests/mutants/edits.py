"""A mutant: one edit of a source file, and the name by which a list of survivors knows it."""

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.unit.packaging.documents import ROOT


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file of this repository, with its syntax tree."""

    file: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def _starts(self) -> list[int]:
        """The offset in bytes of each line: the tree counts columns in bytes."""
        starts = [0]
        for line in self.text.encode().splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    def span(self, node: ast.AST) -> tuple[int, int]:
        """The node's first offset and the one after it, in bytes."""
        line, end = int(getattr(node, "lineno")), int(getattr(node, "end_lineno"))  # noqa: B009
        column, end_column = int(getattr(node, "col_offset")), int(getattr(node, "end_col_offset"))  # noqa: B009
        return self._starts[line - 1] + column, self._starts[end - 1] + end_column

    def of(self, node: ast.AST) -> str:
        """The node's own text."""
        start, end = self.span(node)
        return self.text.encode()[start:end].decode()

    def line(self, offset: int) -> int:
        """The number of the line with this offset."""
        return next(number for number, start in enumerate(self._starts) if start > offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """`text` replaces the bytes from `start` to `end`. `where` is the top-level name that has them; with `lines`, the
    numbers of the lines that run if the edited code does."""

    file: str
    where: str
    start: int
    end: int
    text: str
    change: str
    line: int
    lines: frozenset[int]

    @property
    def name(self) -> str:
        """The same in every run, wherever the line moves to."""
        return f"{self.file}: {self.where}: {self.change}"

    def applied(self, source: Source) -> str:
        """The whole file with the edit."""
        content = source.text.encode()
        return (content[: self.start] + self.text.encode() + content[self.end :]).decode()


def read(file: str) -> Source:
    return Source(file=file, text=(ROOT / file).read_text(encoding="utf-8"))


def module_name(file: str) -> str:
    """The name by which Python imports the file."""
    return ".".join(Path(file).with_suffix("").parts)


def flat(text: str) -> str:
    """On one line, for a name or a report."""
    return re.sub(r"\s+", " ", text).strip()
