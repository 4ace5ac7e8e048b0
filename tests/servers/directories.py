"""A directory for the data of servers, which may run under another account."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def enterable_directory() -> Iterator[Path]:
    """A temporary directory that other accounts may enter but not list."""
    with tempfile.TemporaryDirectory(prefix="registrywatcher-") as made:
        directory = Path(made)
        directory.chmod(0o711)
        yield directory
