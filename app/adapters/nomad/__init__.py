"""The Deployer port on HashiCorp Nomad: `NomadDeployer(NomadConnection(...))`."""

from app.adapters.nomad.connection import NomadConnection
from app.adapters.nomad.deployer import NomadDeployer

__all__ = ["NomadConnection", "NomadDeployer"]
