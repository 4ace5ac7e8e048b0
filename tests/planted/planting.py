"""A copy of the tree in which a bug is planted; the tree itself is never changed."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.planted.bug import Bug

ROOT = Path(__file__).parents[2]
_LEFT_OUT = (".git", ".venv", ".registrywatcher", ".hypothesis", ".*_cache")


@contextmanager
def planted(*bugs: Bug) -> Iterator[Path]:
    """The root of a copy with these bugs, which is deleted at the end. Raises ValueError if one cannot be planted."""
    with tempfile.TemporaryDirectory(prefix="planted-") as directory:
        root = Path(directory) / "tree"
        shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        for bug in bugs:
            for change in bug.changes:
                change.plant(root)
        yield root
