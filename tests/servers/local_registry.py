"""The local registry over real TCP, for tests that need its faults and oracles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.simulators.registry import LocalRegistry, RegistrySettings, create_registry_app
from tests.servers.http import serve
from tests.servers.tls import Certificate


@contextmanager
def local_registry(
    settings: RegistrySettings | LocalRegistry | None = None, *, certificate: Certificate | None = None
) -> Iterator[tuple[LocalRegistry, str]]:
    """(the registry, its URL); it is served by its own thread, so the test may block."""
    registry = settings if isinstance(settings, LocalRegistry) else LocalRegistry(settings)
    with serve(create_registry_app(registry), certificate=certificate) as url:
        yield registry, url
