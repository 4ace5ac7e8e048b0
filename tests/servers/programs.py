"""Programs that tests need and that are not Python packages."""

from __future__ import annotations

import os
import shutil

import pytest


def on_path(*names: str) -> str | None:
    """The path of the first of these programs that is there."""
    return next(filter(None, map(shutil.which, names)), None)


def need(program: str) -> str:
    """The path of a program; skips the test when it is missing, or fails it in CI."""
    found = on_path(program)
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{program} is not installed, and CI must not skip the tests that need it")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found
