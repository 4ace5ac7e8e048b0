"""A bug as a change of the program's text, with the tests that must find it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """In `file`, a path from the root of the tree, `old` becomes `new`; `old` stands there exactly once."""

    file: str
    old: str
    new: str

    def count(self, root: Path) -> int:
        """How often `old` stands in the file of the tree at `root`."""
        return (root / self.file).read_text(encoding="utf-8").count(self.old)

    def plant(self, root: Path) -> None:
        """Change the file of the tree at `root`. Raises ValueError if `old` does not stand there exactly once."""
        if self.count(root) != 1:
            raise ValueError(f"{self.file} does not have this text exactly once: {self.old}")
        file = root / self.file
        file.write_text(file.read_text(encoding="utf-8").replace(self.old, self.new), encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """`name` says what is wrong in the program; each of `tests`, pytest's node ids, must fail with the changes."""

    name: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]
