"""The durations of the steps of the simulated cluster, and what becomes of a given image."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds between a cause and its effect. If all are 0, a deployment succeeds inside the register call.

    The deadlines are the job's own unless given here, so that a test need not wait for Nomad's ten minutes.
    """

    evaluation: float = 0.0
    """From the creation of an evaluation to its end, when deployment and allocations exist."""
    start: float = 0.0
    """From the placement of an allocation to its tasks running, or failing."""
    healthy: float = 0.0
    """From running to healthy."""
    watch: float = 0.0
    """From a change of health to the deployment watcher's evaluation (one second in Nomad)."""
    run: float = 0.0
    """The run time of a batch job's tasks."""
    healthy_deadline: float | None = None
    progress_deadline: float | None = None


class Fate(StrEnum):
    """What becomes of an allocation that runs an image."""

    PULL_FAILS = "pull-fails"
    EXITS_NONZERO = "exits-nonzero"
    OOM_KILLED = "oom-killed"
    CHECK_FAILS = "check-fails"
    NEVER_HEALTHY = "never-healthy"
    UNPLACEABLE = "unplaceable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Gives `fate` to each image whose reference or pulled digest contains `image`. The first match decides."""

    image: str
    fate: Fate
    text: str = ""
    """The cause of `Failed to pull`, or the task's stderr, or why it cannot be placed: `memory`, `cpu`, `disk`, or a
    constraint in Nomad's words ("": the driver is missing).
    """
