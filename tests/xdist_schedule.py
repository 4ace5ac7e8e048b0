"""Decides which tests may run at the same time, and which start first. It does not know their content.

One file is one group, so that module fixtures are created one time. Two folders are one group each: their tests share
an installation and a browser, or use the processes as a person does, whose patience has a limit.
"""

from xdist.scheduler import LoadScopeScheduling

LARGE = {"tests/e2e/": "people", "tests/ui/": "pages"}
WITH_PROCESSES = "tests/faults/"
OF_A_SCENE = "_faults.py"  # each file has an installation of its own, for all of its tests
OF_ONE_LONG_TEST = "tests/faults/test_worker_"


class FileSchedule(LoadScopeScheduling):
    """Gives the next group to the worker that is idle."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """The group of tests that a test belongs to."""
    file = nodeid.partition("::")[0]
    return next((name for folder, name in LARGE.items() if file.startswith(folder)), file)


def priority(nodeid: str) -> int:
    """Groups with the lowest number start first: slow tests must not be left to the end."""
    if group(nodeid) in LARGE.values():
        return 0
    if nodeid.partition("::")[0].endswith(OF_A_SCENE) or nodeid.startswith(OF_ONE_LONG_TEST):
        return 1
    return 2 if nodeid.startswith((WITH_PROCESSES, "tests/machine/")) else 3
