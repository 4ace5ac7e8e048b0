"""A plugin of pytest: property tests try the same examples in each run, and remember none."""

import pytest
from hypothesis import settings


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    settings.register_profile("mutants", derandomize=True, database=None)
