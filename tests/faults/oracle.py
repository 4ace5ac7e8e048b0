"""Checks our registrations by the simulator's ledger and the registry's history; never by our own tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from app.simulators.nomad import LedgerEntry
from tests.cluster import Cluster

# The registry and the simulator read the same clock, one after the other.
_TOLERANCE = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A tag and the digest behind it."""

    tag: str
    digest: str


def registered(entry: LedgerEntry, task: str = "server") -> Shown:
    """The image that a registration gave the job's task."""
    (image,) = (image for (_, name), image in entry.images.items() if name == task)
    name, _, digest = image.partition("@")
    return Shown(tag=name.rpartition(":")[2], digest=digest)


def last(cluster: Cluster, name: str) -> Shown | None:
    """Our last registration of the job, if any."""
    entries = cluster.nomad.ledger.entries(job=name)
    return registered(entries[-1]) if entries else None


def missing(cluster: Cluster, finals: Mapping[str, Shown]) -> dict[str, object]:
    """Jobs whose last registration is not the final push; empty when everything is deployed."""
    return {name: last(cluster, name) for name, final in finals.items() if last(cluster, name) != final}


def faults(cluster: Cluster, finals: Mapping[str, Shown]) -> list[str]:
    """Every error in the whole ledger, in words; empty when everything is right."""
    found = [f"{name} ends on {last(cluster, name)}, not {finals[name]}" for name in missing(cluster, finals)]
    for name in cluster.names:
        entries = cluster.nomad.ledger.entries(job=name)
        found += [
            f"{name}: {registered(later)} was registered twice in a row, at {earlier.time:.3f} and {later.time:.3f}"
            for earlier, later in pairwise(entries)
            if registered(earlier) == registered(later)
        ]
        found += [
            f"{name}: {registered(entry)} was not served at {entry.time:.3f}"
            for entry in entries
            if not _was_shown(cluster, name, entry)
        ]
    return found


def _was_shown(cluster: Cluster, name: str, entry: LedgerEntry) -> bool:
    """Whether the tag had shown the digest before the registration."""
    shown = registered(entry)
    history = cluster.registry.history(f"team/{name}", shown.tag)
    return any(served.digest == shown.digest and served.at <= entry.time + _TOLERANCE for served in history)
