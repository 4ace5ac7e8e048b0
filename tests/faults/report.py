"""Publish a run of the long tier: `python -m tests.faults.report FAULTS.xml… DOCS` writes reliability.json and .md.

It publishes the tests of tests/faults, and refuses a run in which one of them failed or was skipped. A run may be in
several parts, of one commit.
"""

import json
import os
import platform
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.proof import read
from tests.processes import ROOT

_FOLDER = "tests.faults."
_TITLE = """# What every fault leaves behind: nothing lost, nothing deployed twice

Written by `make reliability` from the last full run of the long tier. Real Postgres and Valkey, the real command line,
a registry and a Nomad whose own ledgers are the judge. After each fault every push is accounted for, each registration
is a push of its own in the order of the pushes, no rollout is left open, nothing is held without a cause, and every
process is ready again by itself within ten seconds. `make faults` repeats it with 200 moves a class, `make faults
LONG=1 SEED=2` with 2,000 and another seed.
"""


def main(reports: Sequence[Path], docs: Path) -> None:
    """Read the reports and write both files."""
    suites = [suite for report in reports for suite in ElementTree.parse(report).getroot().iter("testsuite")]
    found = [each for suite in suites for each in suite.iter("testcase")]
    cases = [_case(each) for each in found if each.get("classname", "").startswith(_FOLDER)]
    bad = [case["test"] for case in cases if case["outcome"] != "passed"]
    if bad:
        sys.exit(f"{len(bad)} tests did not pass, so nothing is published: {', '.join(bad[:5])}")
    result = {
        "commit": _output("git", "rev-parse", "HEAD"),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(sum(float(suite.get("time", "0")) for suite in suites)),
        "machine": f"{os.cpu_count()} processors, {platform.machine()}, Linux {platform.release()}",
        "python": platform.python_version(),
        "servers": next(case["servers"] for case in cases if "servers" in case),
        "tests": cases,
    }
    (docs / "reliability.json").write_text(json.dumps(result, indent=1) + "\n")
    (docs / "reliability.md").write_text(_page(result))


def _case(case: ElementTree.Element) -> dict[str, Any]:
    properties = {each.get("name", ""): each.get("value", "") for each in case.iter("property")}
    failed = case.find("failure") is not None or case.find("error") is not None
    outcome = "failed" if failed else "skipped" if case.find("skipped") is not None else "passed"
    return {
        "test": f"{case.get('classname', '').removeprefix(_FOLDER)}::{case.get('name')}",
        "outcome": outcome,
        "seconds": round(float(case.get("time", "0")), 1),
        **read(properties),
    }


def _page(result: dict[str, Any]) -> str:
    proved = [case for case in result["tests"] if "moves" in case]
    rows = "\n".join(_row(case) for case in proved)
    return (
        f"{_TITLE}\nCommit {result['commit'][:12]}, {result['at'][:10]}, {result['machine']}; "
        f"Python {result['python']}, {result['servers']}. "
        f"{len(result['tests'])} tests passed in {result['seconds']} s, {sum(case['moves'] for case in proved)} moves. "
        "All facts: [reliability.json](reliability.json).\n\n"
        f"| fault | moves | met | seconds until all is right | seed |\n|---|---|---|---|---|\n{rows}\n"
    )


def _row(case: dict[str, Any]) -> str:
    file, _, name = case["test"].partition("::")
    kind = name.partition("[")[2].rstrip("]") or name.removeprefix("test_").replace("_", " ")
    part = file.rpartition(".")[2].removeprefix("test_").removesuffix("_faults").replace("_", " ")
    return (
        f"| {part}: {kind} | {case['moves']} | {case.get('met', '')} | {case.get('right_after', '')} | {case['seed']} |"
    )


def _output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


if __name__ == "__main__":
    main([Path(each) for each in sys.argv[1:-1]], Path(sys.argv[-1]))
