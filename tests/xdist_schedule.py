"""Decides which tests may run at the same time (`make test`), and which start first. It does not know their content.

One file is one group, so that module fixtures are created one time. Tests that start our processes or browsers are one
large group: two of them at the same time would compete for processors and miss their time limits.
"""

from xdist.scheduler import LoadScopeScheduling

LARGE = ("tests/e2e/", "tests/ui/", "tests/faults/")
IN_ONE_PROCESS = "tests/faults/test_nomad_"


class FileSchedule(LoadScopeScheduling):
    """Gives the next group to the worker that is idle."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """The group of tests that a test belongs to."""
    if nodeid.startswith(LARGE) and not nodeid.startswith(IN_ONE_PROCESS):
        return "processes"
    return nodeid.partition("::")[0]


def priority(nodeid: str) -> int:
    """Groups with the lowest number start first: slow tests must not be left to the end."""
    if group(nodeid) == "processes":
        return 0
    return 1 if nodeid.startswith(IN_ONE_PROCESS) else 2
