"""How much a fault class gets: a few hundred moves in CI, thousands in the long tier (FAULTS_LONG=1); and the seed of
all random choices (FAULTS_SEED)."""

import os


def is_long() -> bool:
    """Whether this run is of the long tier in full."""
    return bool(os.environ.get("FAULTS_LONG"))


def moves(*, ci: int, long: int) -> int:
    """The number for this run."""
    return long if is_long() else ci


def seed() -> int:
    """The seed of this run; a failure prints it."""
    return int(os.environ.get("FAULTS_SEED", "1"))
