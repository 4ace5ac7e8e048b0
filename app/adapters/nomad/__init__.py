"""The Deployer port on HashiCorp Nomad: `NomadDeployer(NomadConnection(...))`, renewable while the process runs."""

from app.adapters.nomad.deployer import NomadDeployer
from app.adapters.nomad.http.connection import NomadConnection
from app.adapters.nomad.renewable import RenewableDeployer

__all__ = ["NomadConnection", "NomadDeployer", "RenewableDeployer"]
