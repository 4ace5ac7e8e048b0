"""A small OCI registry for the demo and the tests. It behaves like CNCF Distribution where a client can notice.

Real clients can push to it and pull from it. It sends Distribution's notifications in the same order with the same
retries. Tests can plan faults and read ledgers. It must not import anything else of the program. It is not a registry
for production.
"""

from .app import create_registry_app
from .faults import FaultAnswer, Hang, RegistryFault, Reset
from .generated import Generated
from .ledger import TagChange
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
    "StateDirectory",
    "TagChange",
    "create_registry_app",
]
