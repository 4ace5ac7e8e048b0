"""The planted bugs keep up with the program: each finds its text once, changes it, and names tests that are there."""

import ast
from collections.abc import Iterator

import pytest

from tests.planted.bug import Bug, Change
from tests.planted.bugs import BUGS
from tests.unit.packaging.documents import ROOT

CHANGES = [pytest.param(change, id=f"{bug.name}: {change.file}") for bug in BUGS for change in bug.changes]


@pytest.mark.parametrize("change", CHANGES)
def test_its_text_stands_once_in_its_file_and_becomes_a_program(change: Change) -> None:
    assert change.file.startswith(("app/", "workers/"))
    assert change.count(ROOT) == 1
    assert change.old != change.new
    ast.parse((ROOT / change.file).read_text(encoding="utf-8").replace(change.old, change.new))


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_the_tests_that_find_it_are_there(bug: Bug) -> None:
    assert bug.tests
    for test in bug.tests:
        file, _, name = test.partition("[")[0].partition("::")
        assert name in _tests(file), test


def test_every_bug_has_a_name_of_its_own() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS)


def _tests(file: str) -> Iterator[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return (each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
