"""A small OCI registry for the demo and the tests: behaves as CNCF Distribution where it matters to a client.

It answers pushes and pulls of real clients, sends Distribution's notifications with its order and retries, and offers
faults and oracles to tests. It must not import anything else of the program, and is no registry for production.
"""

from .app import create_registry_app
from .faults import FaultAnswer, Hang, RegistryFault, Reset
from .generated import Generated
from .ledger import Served
from .registry import LocalRegistry
from .settings import BasicAuth, BearerAuth, RegistryNotifications, RegistrySettings
from .state import StateDirectory

__all__ = [
    "BasicAuth",
    "BearerAuth",
    "FaultAnswer",
    "Generated",
    "Hang",
    "LocalRegistry",
    "RegistryFault",
    "RegistryNotifications",
    "RegistrySettings",
    "Reset",
    "Served",
    "StateDirectory",
    "create_registry_app",
]
