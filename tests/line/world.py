"""The registry and the Nomad of a line, each in memory and served over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.simulators.nomad import Simulator, Timing, create_simulator_app
from app.simulators.registry import LocalRegistry
from tests.servers.http import serve
from tests.servers.local_registry import local_registry

SLOW = Timing(healthy=3600, healthy_deadline=7200, progress_deadline=7200)
"""A Nomad in which every deployment lasts an hour: `nomad.skip(3600)` ends it well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A registry and a Nomad, served over HTTP."""

    registry: LocalRegistry
    registry_url: str
    nomad: Simulator
    nomad_url: str


@contextmanager
def world(*, registry: LocalRegistry | None = None, nomad: Simulator | None = None) -> Iterator[World]:
    """Serve a registry and a Nomad."""
    simulator = nomad or Simulator()
    with local_registry(registry) as (served, registry_url), serve(create_simulator_app(simulator)) as nomad_url:
        yield World(registry=served, registry_url=registry_url, nomad=simulator, nomad_url=nomad_url)
