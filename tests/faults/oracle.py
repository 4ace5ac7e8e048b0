"""Checks our registrations by the simulator's ledger and the registry's history; never by our own tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    """Every error in the whole ledger, in words; empty when everything is right.

    The registrations of a job must be some of the pushes of its repository, in their order, the last one included. So
    no push is registered twice, no digest comes back that the tag had left, and none comes before it was pushed.
    """
    found = [f"{name} ends on {last(cluster, name)}, not {finals[name]}" for name in missing(cluster, finals)]
    for name in cluster.names:
        found += _out_of_order(name, cluster.nomad.ledger.entries(job=name), pushes(cluster, name))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A moment at which a tag of a repository got this digest, as Unix time."""

    at: float
    shown: Shown


def pushes(cluster: Cluster, name: str) -> list[Push]:
    """All pushes of the job's repository by the registry's history, oldest first. Pushing the same again is none."""
    repository = f"team/{name}"
    found = [
        Push(at=change.at, shown=Shown(tag=tag, digest=change.digest or ""))
        for tag in cluster.registry.contents.tags(repository) or ()
        for change in cluster.registry.history(repository, tag)
    ]
    found.sort(key=lambda push: push.at)
    return [
        push
        for before, push in zip([None, *found], found, strict=False)
        if before is None or before.shown != push.shown
    ]


def _out_of_order(name: str, entries: Sequence[LedgerEntry], pushed: Sequence[Push]) -> list[str]:
    """Registrations without a push of their own, each matched with the first one after that of its predecessor."""
    found = []
    position = 0
    for entry in entries:
        shown = registered(entry)
        matched = next(
            (
                number
                for number, push in enumerate(pushed[position:], start=position + 1)
                if push.shown == shown and push.at <= entry.time + _TOLERANCE
            ),
            None,
        )
        if matched is None:
            known = [f"{push.at:.3f}" for push in pushed if push.shown == shown]
            found.append(f"{name}: {shown} was registered at {entry.time:.3f}, after later pushes; pushed at {known}")
        else:
            position = matched
    return found
