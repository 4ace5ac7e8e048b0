"""Programs that tests need and that are not Python packages."""

from __future__ import annotations

import os
import shutil

import pytest


def need(program: str) -> str:
    """The path of a program; skips the test when it is missing, or fails it in CI."""
    found = shutil.which(program)
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{program} is not installed, and CI must not skip the tests that need it")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found
