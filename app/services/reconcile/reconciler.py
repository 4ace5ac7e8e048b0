"""The parts and the settings of a reconciler. Values only."""

from dataclasses import dataclass

from app.ports import Deployer, RegistrySource, Waker
from app.services.reconcile.fleet import Fleet
from app.services.reconcile.targets import Targets


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSettings:
    """Times in seconds: the lease, how often a job is read though nothing moved, how often pinned tags are listed, how
    often it is asked whether what runs is still served, and how long a Nomad deployment of somebody else may stand
    still before it is no longer waited for. `fleet` is what holds for all targets together."""

    lease: float
    reread_job: float
    relist_tags: float = 900.0
    recheck_images: float = 900.0
    stall_after: float
    fleet: Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """What a look works with."""

    targets: Targets
    registries: RegistrySource
    deployer: Deployer
    waker: Waker
    settings: ReconcileSettings
