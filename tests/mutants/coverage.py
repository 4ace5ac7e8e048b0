"""Runs all tests once without a mutant: which lines each executes, and how long it takes."""

import time
from dataclasses import dataclass, field
from typing import Any

import coverage
import pytest
from _pytest.runner import runtestprotocol

from tests.unit.packaging.documents import ROOT


@dataclass(slots=True, kw_only=True)
class Baseline:
    """`seconds` of each test; `lines` maps a file to the tests that execute each of its lines."""

    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def baseline(items: list[pytest.Item], files: tuple[str, ...]) -> Baseline:
    """Fixtures of the whole session stay set up afterwards."""
    found = Baseline()
    measured: Any = coverage.Coverage(data_file=None, config_file=False, include=[str(ROOT / file) for file in files])
    measured.set_option("run:disable_warnings", ["already-imported"])
    measured.set_option("run:core", "ctrace")
    measured.start()
    for item, following in zip(items, [*items[1:], items[0]], strict=True):
        measured.switch_context(item.nodeid)
        began = time.monotonic()
        reports = runtestprotocol(item, log=False, nextitem=following)
        found.seconds[item.nodeid] = time.monotonic() - began
        if any(report.failed for report in reports):
            found.failed.append(item.nodeid)
    measured.stop()
    for file in files:
        by_line = measured.get_data().contexts_by_lineno(str(ROOT / file))
        found.lines[file] = {line: {each for each in contexts if each} for line, contexts in by_line.items()}
    return found
