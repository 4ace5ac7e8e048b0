"""Decides which tests may run at the same time, and which start first. It does not know their content.

One file is one group, so that module fixtures are created one time. Tests that start our processes are one large group,
and those that use them as a person does another: more than two at the same time would compete for processors and miss
their time limits.
"""

from xdist.scheduler import LoadScopeScheduling

LARGE = {"tests/faults/": "processes", "tests/e2e/": "people", "tests/ui/": "people"}
IN_ONE_PROCESS = "tests/faults/test_nomad_"


class FileSchedule(LoadScopeScheduling):
    """Gives the next group to the worker that is idle."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """The group of tests that a test belongs to."""
    if nodeid.startswith(IN_ONE_PROCESS):
        return nodeid.partition("::")[0]
    return next((name for folder, name in LARGE.items() if nodeid.startswith(folder)), nodeid.partition("::")[0])


def priority(nodeid: str) -> int:
    """Groups with the lowest number start first: slow tests must not be left to the end."""
    if group(nodeid) in LARGE.values():
        return 0
    return 1 if nodeid.startswith((IN_ONE_PROCESS, "tests/machine/")) else 2
