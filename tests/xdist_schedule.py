"""Which tests may run at once (`make test`), and which begin first. It must not know what they test.

A file is one piece of work, so that what a module shares is made once. Tests that start processes of ours, or browsers,
are one large piece: two of them at once would fight for the processors that their time limits reckon with.
"""

from xdist.scheduler import LoadScopeScheduling

LARGE = ("tests/e2e/", "tests/ui/", "tests/faults/")
IN_ONE_PROCESS = "tests/faults/test_nomad_"


class FileSchedule(LoadScopeScheduling):
    """Gives the next piece to whoever has nothing left to do."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """The piece of work that a test belongs to."""
    if nodeid.startswith(LARGE) and not nodeid.startswith(IN_ONE_PROCESS):
        return "processes"
    return nodeid.partition("::")[0]


def priority(nodeid: str) -> int:
    """Pieces of the lowest turn begin first: what takes long must not be left to the end."""
    if group(nodeid) == "processes":
        return 0
    return 1 if nodeid.startswith(IN_ONE_PROCESS) else 2
