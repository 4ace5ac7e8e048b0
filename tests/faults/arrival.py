"""Waits for the end of a fault's effects: everything is deployed within ten seconds, longer on a busy machine."""

import asyncio
import time
from collections.abc import Mapping

from tests.cluster import Cluster, until
from tests.faults.oracle import Shown, missing
from tests.machine_load import machine

WITHIN = 10.0  # seconds on an idle machine


async def deployed(cluster: Cluster, finals: Mapping[str, Shown]) -> float:
    """Wait until the last push of each job is registered; returns the seconds."""
    begun = time.monotonic()
    with machine() as pace:
        stretch = await asyncio.to_thread(lambda: pace.stretch)  # which waits for samples; proxies run on this loop
        await until(lambda: not missing(cluster, finals), lambda: missing(cluster, finals), within=WITHIN * stretch)
    return time.monotonic() - begun
