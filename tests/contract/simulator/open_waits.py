"""Whether a blocking query waits, as the simulator itself reports it, since no pause is surely long enough."""

import time

import httpx

from app.simulators.nomad import Simulator

_LOOKS = 6000


def waits(agent: httpx.Client, simulator: Simulator) -> None:
    """Return when a query waits that has read all changes before this call. AssertionError if none comes."""
    for _ in range(_LOOKS):
        # The event loop of the queries answers this, so each query has run as far as it can without another change.
        agent.get("/v1/status/leader")
        if simulator.world.waits:
            agent.get("/v1/status/leader")
            assert simulator.world.waits, "the wait has ended"
            return
        time.sleep(0.01)
    raise AssertionError("no query waits")
