"""The RegistrySource port over HTTP: reads tags and digests from OCI and Docker registries."""

from app.adapters.registry.client.endpoint import RegistryEndpoint
from app.adapters.registry.client.source import RegistryClient

__all__ = ["RegistryClient", "RegistryEndpoint"]
