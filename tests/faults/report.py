"""Publish a run of the long tier: `python -m tests.faults.report FAULTS.xml… DOCS` writes reliability.json and .md.

It publishes the tests of tests/faults, and refuses a run in which one of them failed or was skipped. A run may be in
several parts, each `FILE@COMMIT` if it is of another commit than the present one; the last result of a test counts.
What no part has run is named on the page.
"""

import json
import os
import platform
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tests.faults.proof import read
from tests.processes import ROOT

_FOLDER = "tests.faults."
_TITLE = """# What every fault leaves behind: nothing lost, nothing deployed twice

Written by `make reliability` from the last run of the long tier. Real Postgres and Valkey, the real command line,
a registry and a Nomad whose own ledgers are the judge. After each fault every push is accounted for, each registration
is a push of its own in the order of the pushes, no rollout is left open, nothing is held without a cause, and every
process is ready again by itself within ten seconds. `make faults` repeats it with 200 moves a class, `make faults
LONG=1 SEED=2` with 2,000 and another seed.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One report of pytest, and the commit that it is of."""

    report: Path
    commit: str

    @classmethod
    def of(cls, argument: str) -> Self:
        """The part that an argument of the command line names."""
        report, _, commit = argument.partition("@")
        return cls(report=Path(report), commit=commit or _output("git", "rev-parse", "HEAD"))


def publish(parts: Sequence[Part], docs: Path, *, every_test: Collection[str]) -> None:
    """Read the reports and write both files. `every_test` are the names that a complete run has."""
    cases: dict[str, dict[str, Any]] = {}
    seconds = 0.0
    for part in parts:
        for suite in ElementTree.parse(part.report).getroot().iter("testsuite"):
            seconds += float(suite.get("time", "0"))
            found = [_case(each, part.commit) for each in suite.iter("testcase") if _is_ours(each)]
            cases.update({case["test"]: case for case in found})
    bad = [name for name, case in cases.items() if case["outcome"] != "passed"]
    if bad:
        sys.exit(f"{len(bad)} tests did not pass, so nothing is published: {', '.join(bad[:5])}")
    result = {
        "commits": sorted({case["commit"] for case in cases.values()}),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds),
        "machine": f"{os.cpu_count()} processors, {platform.machine()}, Linux {platform.release()}",
        "python": platform.python_version(),
        "servers": next(case["servers"] for case in cases.values() if "servers" in case),
        "missing": sorted(set(every_test) - set(cases)),
        "tests": list(cases.values()),
    }
    (docs / "reliability.json").write_text(json.dumps(result, indent=1) + "\n")
    (docs / "reliability.md").write_text(_page(result))


def _every_test() -> set[str]:
    """The tests of this folder in the long tier, as pytest names them."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--collect-only", "-m", "long", "tests/faults"]
    environment = {**os.environ, "FAULTS_LONG": "1"}
    listed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment).stdout
    ids = [line.partition("::") for line in listed.splitlines() if "::" in line]
    return {f"{file.removesuffix('.py').replace('/', '.').removeprefix(_FOLDER)}::{name}" for file, _, name in ids}


def _is_ours(case: ElementTree.Element) -> bool:
    return case.get("classname", "").startswith(_FOLDER)


def _case(case: ElementTree.Element, commit: str) -> dict[str, Any]:
    properties = {each.get("name", ""): each.get("value", "") for each in case.iter("property")}
    failed = case.find("failure") is not None or case.find("error") is not None
    outcome = "failed" if failed else "skipped" if case.find("skipped") is not None else "passed"
    return {
        "test": f"{case.get('classname', '').removeprefix(_FOLDER)}::{case.get('name')}",
        "outcome": outcome,
        "seconds": round(float(case.get("time", "0")), 1),
        "commit": commit,
        **read(properties),
    }


def _page(result: dict[str, Any]) -> str:
    proved = [case for case in result["tests"] if "moves" in case]
    rows = "\n".join(_row(case) for case in proved)
    commits = " and ".join(commit[:12] for commit in result["commits"])
    missing = ", ".join(map(_shown, result["missing"]))
    lacks = f"\n**Not in this run**: {missing}.\n" if missing else ""
    return (
        f"{_TITLE}{lacks}\nCommit {commits}, {result['at'][:10]}, {result['machine']}; "
        f"Python {result['python']}, {result['servers']}. "
        f"{len(result['tests'])} tests passed in {result['seconds']} s, {sum(case['moves'] for case in proved)} moves. "
        "All facts: [reliability.json](reliability.json).\n\n"
        f"| fault | moves | met | seconds until all is right | seed |\n|---|---|---|---|---|\n{rows}\n"
    )


def _shown(test: str) -> str:
    """A test's name on the page: its file and its case."""
    file, _, name = test.partition("::")
    kind = name.partition("[")[2].rstrip("]") or name.removeprefix("test_").replace("_", " ")
    part = file.rpartition(".")[2].removeprefix("test_").removesuffix("_faults").replace("_", " ")
    return f"{part}: {kind}"


def _row(case: dict[str, Any]) -> str:
    met, right_after = case.get("met", ""), case.get("right_after", "")
    return f"| {_shown(case['test'])} | {case['moves']} | {met} | {right_after} | {case['seed']} |"


def _output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


if __name__ == "__main__":
    publish([Part.of(each) for each in sys.argv[1:-1]], Path(sys.argv[-1]), every_test=_every_test())
