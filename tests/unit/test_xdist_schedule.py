"""The spreading of the tests over workers: whose processes are many is one piece, everything else is cut by files."""

import pytest

from tests.processes import ROOT
from tests.xdist_schedule import IN_ONE_PROCESS, LARGE, group, priority


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("tests/e2e/test_up.py::test_a", "tests/ui/test_page.py::test_b[x]", True),
        ("tests/faults/test_fleet.py::test_a", "tests/faults/test_own_job.py::test_b", True),
        ("tests/faults/test_fleet.py::test_a", "tests/e2e/test_up.py::test_b", True),
        ("tests/faults/test_nomad_stops.py::test_a", "tests/faults/test_nomad_answers.py::test_b", False),
        ("tests/unit/test_http.py::test_a", "tests/unit/test_http.py::test_b[::]", True),
        ("tests/unit/test_http.py::test_a", "tests/unit/test_cli.py::test_a", False),
    ],
)
def test_what_goes_together(one: str, other: str, together: bool) -> None:
    assert (group(one) == group(other)) is together


def test_the_large_pieces_begin_first_and_what_waits_long_comes_next() -> None:
    ids = ["tests/unit/test_http.py::test_a", f"{IN_ONE_PROCESS}stops.py::test_b", "tests/e2e/test_up.py::test_c"]
    assert sorted(ids, key=priority) == ids[::-1]


def test_the_folders_are_there() -> None:
    assert [folder for folder in LARGE if not list((ROOT / folder).glob("test_*.py"))] == []
    assert list(ROOT.glob(f"{IN_ONE_PROCESS}*.py")) != []
