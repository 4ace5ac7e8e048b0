"""The modules that are mutated, each with its tests and its bar."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """`files` are mutated together. `tests` are what may kill their mutants, `bar` how many percent of them must."""

    name: str
    files: tuple[str, ...]
    tests: tuple[str, ...]
    bar: float


def _domain(name: str, *files: str) -> Module:
    """Pure code: the unit tier alone must see each change of it."""
    tests = ("tests/unit/domain", "tests/unit/services/reconcile", "tests/unit/refusals")
    return Module(name=name, files=tuple(f"app/domain/{file}" for file in files), tests=tests, bar=95.0)


def _line(name: str, *files: str, tests: tuple[str, ...]) -> Module:
    """Code that asks servers or writes rows: the tiers that run it in one process must see its changes."""
    return Module(name=name, files=tuple(f"app/{file}" for file in files), tests=tests, bar=85.0)


MODULES = (
    _domain("decision", "decision_table.py", "decision.py"),
    _domain("rule", "rule.py"),
    _domain("judge", "judge.py"),
    _domain("reference", "reference.py"),
    _domain("job", "job.py"),
    _line(
        "reconcile",
        "services/reconcile/reconcile.py",
        tests=("tests/unit/services/reconcile",),
    ),
    _line(
        "submit",
        "services/reconcile/register.py",
        "services/reconcile/launch.py",
        tests=("tests/unit/services/reconcile",),
    ),
    _line(
        "follow",
        "services/rollout/follow.py",
        tests=("tests/unit/services/rollout",),
    ),
    _line(
        "claims",
        "adapters/postgres/reconcile/claim_rows.py",
        "adapters/postgres/reconcile/leases.py",
        tests=("tests/integration/reconcile",),
    ),
    _line(
        "inbox",
        "adapters/postgres/ingest/inbox.py",
        tests=("tests/integration/ingest", "tests/contract/test_inbox.py"),
    ),
    _line(
        "targets",
        "adapters/postgres/reconcile/targets.py",
        "adapters/postgres/rollout/registrations.py",
        tests=("tests/integration/reconcile",),
    ),
)
