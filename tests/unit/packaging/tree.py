"""A copy of the program's source, for tests that break it and run a tool on it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.unit.packaging.documents import ROOT

_BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The copy at `root`, with the project's own configuration; a tool that runs in it takes its modules from there."""

    root: Path

    @contextmanager
    def changed(self, name: str, text: str) -> Iterator[None]:
        """The file has this text while the block lasts; it may be a new one."""
        file = self.root / name
        before = file.read_text(encoding="utf-8") if file.exists() else None
        file.write_text(text, encoding="utf-8")
        try:
            yield
        finally:
            if before is None:
                file.unlink()
            else:
                file.write_text(before, encoding="utf-8")

    def run(self, tool: str, *arguments: str) -> str:
        """What the tool prints, whether it is content or not."""
        environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
        argv = [str(_BIN / tool), *arguments]
        done = subprocess.run(argv, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout


def copied(root: Path) -> Tree:
    """A fresh copy at `root`, an empty directory."""
    for package in ("app", "workers"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return Tree(root=root)
