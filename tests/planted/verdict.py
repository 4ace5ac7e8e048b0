"""Runs tests in a tree, and reads from pytest's report which of them failed by an assertion."""

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LIMIT = 900  # seconds for one run; one that hangs proves nothing
_ALL_PASSED, _SOME_FAILED = 0, 1  # pytest's exit statuses
_ASSERTIONS = ("AssertionError", "assert ", "Failed: ")  # how the message of a failed test begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a run ended: `passed` is whether every test did, `failed` the message of each test that failed by an
    assertion, `broken` what else went wrong ("" if nothing did), `seconds` what it took."""

    passed: bool
    failed: Mapping[str, str]
    broken: str
    seconds: float

    def misses(self, tests: Sequence[str]) -> list[str]:
        """Those of the tests that did not fail by an assertion; a test without its parameters fails if one of its cases
        does."""
        names = {name for test in self.failed for name in (test, test.partition("[")[0])}
        return [test for test in tests if test not in names]


def run(root: Path, tests: Sequence[str], *, seed: int) -> Verdict:
    """Run the tests in the tree at `root`, with this seed for all their random choices."""
    report = root.parent / f"report-{seed}.xml"
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", f"--hypothesis-seed={seed}", f"--junitxml={report}"]
    argv = [sys.executable, "-m", "pytest", *options, "-o", "junit_family=xunit1", *tests]
    environment = {**os.environ, "PYTHONPATH": str(root), "FAULTS_SEED": str(seed), "PYTHONHASHSEED": str(seed)}
    began = time.monotonic()
    try:
        done = subprocess.run(
            argv, cwd=root, env=environment, capture_output=True, text=True, timeout=_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return Verdict(passed=False, failed={}, broken=f"no end within {_LIMIT} s", seconds=_LIMIT)
    seconds = time.monotonic() - began
    if done.returncode not in (_ALL_PASSED, _SOME_FAILED):
        said = done.stdout[-1000:] + done.stderr[-1000:]
        return Verdict(passed=False, failed={}, broken=f"pytest ended with {done.returncode}: {said}", seconds=seconds)
    failed, broken = _read(report)
    return Verdict(passed=done.returncode == _ALL_PASSED, failed=failed, broken=broken, seconds=seconds)


def _read(report: Path) -> tuple[Mapping[str, str], str]:
    failed, broken = dict[str, str](), list[str]()
    for case in ET.parse(report).getroot().iter("testcase"):
        test = f"{case.get('file')}::{case.get('name')}"
        for kind in ("failure", "error", "skipped"):
            for each in case.iter(kind):
                message = each.get("message") or ""
                if kind == "failure" and message.startswith(_ASSERTIONS):
                    failed[test] = message
                else:
                    broken.append(f"{test}: {kind}: {message[:300]}")
    return failed, "\n".join(broken)
