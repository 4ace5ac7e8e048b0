"""Which tests are the long tier: `make faults` runs them, `make test` does not. Both run before a change lands.

They wait for real outages, run many of our processes or jobs, drive a browser, or compute for minutes.
"""

LONG = (
    "tests/faults/",
    "tests/ui/",
    "tests/e2e/test_differing_files.py",
    "tests/e2e/test_pushes_in_a_row.py",
    "tests/e2e/test_reload.py",
    "tests/e2e/test_reload_renews.py",
    "tests/e2e/test_rules.py",
    "tests/e2e/test_weakening.py",
    "tests/behaviour/reconcile/test_fleet.py",
    "tests/behaviour/rollout/test_follow.py",
    "tests/behaviour/views/test_why_property.py",
    "tests/unit/foreign/test_foreign.py",
)
# They check the code, not the program: `make check` runs them, with all of tests/unit but for the long tier.
CHECKS = ("tests/unit/packaging/test_import_contracts.py", "tests/unit/packaging/test_seams.py")


def is_long(nodeid: str) -> bool:
    """Whether `make test` leaves out the test of that id."""
    return nodeid.startswith((*LONG, *CHECKS))


if __name__ == "__main__":
    print(*LONG)  # for `make faults`, which so collects no other test
