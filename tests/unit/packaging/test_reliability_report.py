"""Given reports of the long tier, then docs/reliability.md has the last result of each test, and no failed run."""

import json
from pathlib import Path

import pytest

from tests.faults.report import Part, publish

PROOF = json.dumps({"moves": 2000, "seed": 2, "met": 7, "right_after": 1.5, "servers": "Postgres 18"}).replace(
    '"', "&quot;"
)
REDIS, CLOCKS = "test_redis_faults::test_redis_fails[OOM]", "test_clocks::test_wrong_clocks[(-61, 61)]"


def part(folder: Path, name: str, *tests: str, failed: str = "", commit: str = "c" * 40) -> Part:
    cases = [
        f'<testcase classname="tests.faults.{file}" name="{case}" time="9"><properties><property name="proof" '
        f'value="{PROOF}"/></properties>{"<failure/>" if test == failed else ""}</testcase>'
        for test in tests
        for file, _, case in [test.partition("::")]
    ]
    others = '<testcase classname="tests.ui.test_list" name="test_x" time="1"><failure/></testcase>'
    report = folder / f"{name}.xml"
    report.write_text(f'<testsuites><testsuite time="60">{"".join(cases)}{others}</testsuite></testsuites>')
    return Part(report=report, commit=commit)


def test_each_test_is_a_row_and_what_did_not_run_is_named(tmp_path: Path) -> None:
    publish([part(tmp_path, "one", REDIS)], tmp_path, every_test={REDIS, CLOCKS})
    page = (tmp_path / "reliability.md").read_text()
    assert "| redis: OOM | 2000 | 7 | 1.5 | 2 |" in page
    assert "**Not in this run**: clocks: (-61, 61)." in page
    assert "Commit cccccccccccc, " in page
    assert json.loads((tmp_path / "reliability.json").read_text())["missing"] == [CLOCKS]


def test_the_last_result_of_a_test_counts_with_its_commit(tmp_path: Path) -> None:
    first = part(tmp_path, "one", REDIS, CLOCKS, failed=REDIS, commit="a" * 40)
    publish([first, part(tmp_path, "two", REDIS, commit="b" * 40)], tmp_path, every_test={REDIS, CLOCKS})
    result = json.loads((tmp_path / "reliability.json").read_text())
    assert {each["test"]: each["commit"][0] for each in result["tests"]} == {REDIS: "b", CLOCKS: "a"}
    assert "Not in this run" not in (tmp_path / "reliability.md").read_text()


def test_a_run_with_a_failure_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="1 tests did not pass"):
        publish([part(tmp_path, "one", REDIS, CLOCKS, failed=CLOCKS)], tmp_path, every_test={REDIS, CLOCKS})
    assert not (tmp_path / "reliability.md").exists()


def test_a_part_of_another_commit_is_named_with_it() -> None:
    assert Part.of("a.xml@1234") == Part(report=Path("a.xml"), commit="1234")
    assert len(Part.of("a.xml").commit) == 40
