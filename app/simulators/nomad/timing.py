"""Answers: how long does each step of the simulated cluster take, and how does it end for a given image?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds between a cause and its effect; with all zero a deployment succeeds inside the register call.

    The two deadlines are the job's own unless given here, so that a test need not wait Nomad's ten minutes.
    """

    evaluation: float = 0.0
    """From the evaluation's creation to its end (deployment and allocations exist then)."""
    start: float = 0.0
    """From the placement of an allocation to its tasks running, or failing."""
    healthy: float = 0.0
    """From running to healthy."""
    watch: float = 0.0
    """From a change of health to the deployment watcher's evaluation (one second in Nomad)."""
    run: float = 0.0
    """How long the tasks of a batch job run."""
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
    """An image whose string, or whose digest once it is pulled, contains `image` meets `fate`; the first verdict
    that fits decides.
    """

    image: str
    fate: Fate
    text: str = ""
    """The cause behind `Failed to pull`; what the task wrote to stderr; or why it has no place: `memory`, `cpu`,
    `disk`, or a constraint as Nomad words it (none: the driver is missing).
    """
