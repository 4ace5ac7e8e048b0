"""`python -m app.simulators.registry` as the demo runs it: notifies, and finds its images again after a restart."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx

from app.local.daemon import Daemon
from app.local.ports import answers
from tests.servers.no_tls import NO_TLS
from tests.servers.ports import free_port
from tests.servers.recorder import recording


def test_the_process_notifies_and_keeps_its_images(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with recording() as recorder:
        command = [
            sys.executable,
            "-m",
            "app.simulators.registry",
            "--port",
            str(port),
            "--state",
            str(tmp_path / "state"),
        ]
        command += [
            "--notify",
            recorder.url,
            "--notify-header",
            "Authorization: Bearer example",
            "--link-delay",
            "0.05",
        ]
        process = Daemon(command, log=tmp_path / "registry.log")
        try:
            process.start(lambda: answers(port))
            digest = httpx.post(f"{url}/registry/push/team/app/v1.0.0", verify=NO_TLS).json()["digest"]
            (received,) = recorder.wait_for(bool)
            process.stop()
            process.start(lambda: answers(port))
            again = httpx.get(f"{url}/registry/history/team/app/v1.0.0", verify=NO_TLS).json()["history"]
            tags = httpx.get(f"{url}/v2/team/app/tags/list", verify=NO_TLS).json()["tags"]
        finally:
            process.stop()

    assert received.headers["authorization"] == "Bearer example"
    assert received.event["target"]["digest"] == digest
    assert ([shown for _, shown in again], tags) == ([digest], ["v1.0.0"])
    assert (tmp_path / "registry.log").read_text() == "", "quiet"
