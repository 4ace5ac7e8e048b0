"""The parts and the settings of a reconciler. Values only."""

from dataclasses import dataclass

from app.ports import Deployer, RegistrySource, Waker
from app.services.reconcile.fleet import Fleet
from app.services.reconcile.targets import Targets


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSettings:
    """Times in seconds, and the `fleet` settings for all targets together.

    `lease` is the length of the lease. `reread_job` is how often a job is read without a known change, `relist_tags`
    how often the tags of a pinned watch are listed, `recheck_images` how often running images are checked in their
    registry. After `stall_after` without progress, a Nomad deployment of somebody else no longer counts as under way.
    """

    lease: float
    reread_job: float
    relist_tags: float = 900.0
    recheck_images: float = 900.0
    stall_after: float
    fleet: Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """The parts that a reconcile uses."""

    targets: Targets
    registries: RegistrySource
    deployer: Deployer
    waker: Waker
    settings: ReconcileSettings
