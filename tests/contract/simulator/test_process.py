"""`python -m app.simulators.nomad` as the demo starts it: seeded from a file, and the same cluster again after a
restart.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.simulators.nomad import sample_job
from tests.servers.no_tls import NO_TLS

PATIENCE_SECONDS = 60


@contextmanager
def agent(*options: str) -> Iterator[httpx.Client]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "app.simulators.nomad", "--port", str(port), *options])
    try:
        with httpx.Client(verify=NO_TLS, base_url=f"http://127.0.0.1:{port}") as client:
            _wait_until_up(client)
            yield client
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _wait_until_up(client: httpx.Client) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            client.get("/v1/status/leader")
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
        else:
            return


def test_a_restarted_agent_knows_its_jobs_and_indexes(tmp_path: Path) -> None:
    jobs, state = tmp_path / "jobs.json", tmp_path / "state.json"
    jobs.write_text(json.dumps([sample_job("web", "app:v1")]))
    options = ("--jobs", str(jobs), "--state", str(state))
    with agent(*options) as client:
        changed = client.post("/v1/jobs", json={"Job": sample_job("web", "app:v2")}).json()
    with agent(*options) as client:
        job = client.get("/v1/job/web").json()
    assert (job["Version"], job["JobModifyIndex"]) == (1, changed["JobModifyIndex"])
    assert job["TaskGroups"][0]["Tasks"][0]["Config"]["image"] == "app:v2"
