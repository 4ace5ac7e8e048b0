"""The distribution of tests over workers: those of people and of pages are a group each, all others one per file."""

import pytest

from tests.processes import ROOT
from tests.tiers import LONG, is_long
from tests.xdist_schedule import LARGE, OF_ONE_LONG_TEST, WITH_PROCESSES, group, priority


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("tests/e2e/test_up.py::test_a", "tests/e2e/test_demo.py::test_b[x]", True),
        ("tests/e2e/test_up.py::test_a", "tests/ui/test_page.py::test_b[x]", False),
        ("tests/faults/test_fleet.py::test_a", "tests/faults/test_own_job.py::test_b", False),
        ("tests/faults/test_fleet.py::test_a", "tests/e2e/test_up.py::test_b", False),
        ("tests/faults/test_redis_faults.py::test_a", "tests/faults/test_fleet.py::test_a", False),
        ("tests/faults/test_nomad_stops.py::test_a", "tests/faults/test_nomad_answers.py::test_b", False),
        ("tests/unit/test_http.py::test_a", "tests/unit/test_http.py::test_b[::]", True),
        ("tests/unit/test_http.py::test_a", "tests/unit/test_cli.py::test_a", False),
    ],
)
def test_those_of_people_and_of_pages_are_a_group_each(one: str, other: str, together: bool) -> None:
    assert (group(one) == group(other)) is together


def test_the_large_groups_start_first_and_slow_files_come_next() -> None:
    ids = [
        "tests/unit/test_http.py::test_a",
        f"{WITH_PROCESSES}test_nomad_stops.py::test_b",
        "tests/faults/test_worker_killed.py::test_d",
        "tests/e2e/test_up.py::test_c",
    ]
    assert sorted(ids, key=priority) == ids[::-1]


def test_the_named_folders_have_tests() -> None:
    assert [folder for folder in LARGE if not list((ROOT / folder).glob("test_*.py"))] == []
    assert list(ROOT.glob(f"{WITH_PROCESSES}test_*.py")) != []
    assert list(ROOT.glob(f"{OF_ONE_LONG_TEST}*.py")) != []


def test_the_long_tier_names_what_exists() -> None:
    assert [each for each in LONG if not (ROOT / each).exists()] == []
    assert is_long("tests/faults/test_fleet.py::test_a")
    assert not is_long("tests/e2e/test_up.py::test_c")
