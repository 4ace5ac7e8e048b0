"""A cluster with a stopped clock, and the same one behind a real socket."""

from collections.abc import Iterator

import httpx
import pytest

from app.simulators.nomad import Simulator, create_simulator_app
from tests.servers.http import serve
from tests.servers.no_tls import NO_TLS


class Clock:
    """A stopped clock: only `skip` moves the simulator's time."""

    def __call__(self) -> float:
        return 1_800_000_000.0


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(clock=Clock())


@pytest.fixture
def agent(simulator: Simulator) -> Iterator[httpx.Client]:
    with serve(create_simulator_app(simulator)) as url, httpx.Client(verify=NO_TLS, base_url=url, timeout=10) as client:
        yield client
