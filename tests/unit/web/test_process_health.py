"""Given a process without the web interface, its health endpoints name its problem, and no more."""

import socket
from dataclasses import dataclass

import httpx
import pytest
from starlette.testclient import TestClient

from app.errors import Permanent
from app.health_listener import answering, open_listener
from app.web.api.process_health import build_health
from tests.servers.no_tls import NO_TLS


@dataclass
class Process:
    stuck: str = ""
    unready: str = ""
    redis_problem: str = ""


@pytest.mark.parametrize(
    ("process", "health", "ready"),
    [
        (Process(), (200, "alive"), (200, "ready")),
        (Process(unready="Postgres is away"), (200, "alive"), (503, "Postgres is away")),
        (Process(redis_problem="Redis is away"), (200, "alive"), (200, "degraded")),
        (Process(redis_problem="Redis is away", unready="Postgres is away"), (200, "alive"), (503, "Postgres is away")),
        (Process(stuck="poll"), (503, "poll"), (503, "poll")),
        (Process(stuck="poll", unready="Postgres is away"), (503, "poll"), (503, "poll")),
    ],
)
def test_it_answers(process: Process, health: tuple[int, str], ready: tuple[int, str]) -> None:
    client = TestClient(build_health(process))
    for path, expected in (("/healthz", health), ("/readyz", ready)):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["message"]) == expected
        assert ("Retry-After" in answer.headers) == (expected[0] == 503)


def test_it_answers_nothing_else() -> None:
    client = TestClient(build_health(Process()))
    assert client.get("/").status_code == 404
    assert client.post("/readyz").status_code == 405


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_it_listens_while_the_process_runs(host: str) -> None:
    process = Process()
    try:
        listener = open_listener((host, 0))
    except Permanent:
        pytest.skip(f"this machine has no {host}")
    port = listener[0].getsockname()[1]
    url = f"http://[{host}]:{port}/readyz" if ":" in host else f"http://{host}:{port}/readyz"
    async with httpx.AsyncClient(verify=NO_TLS, trust_env=False, timeout=10) as client:
        async with answering(process, listener):
            assert (await client.get(url)).status_code == 200
            process.unready = "Postgres is away"
            assert (await client.get(url)).status_code == 503
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


async def test_no_connection_is_accepted_without_a_listener() -> None:
    async with answering(Process(), open_listener(None)):
        pass


def test_an_address_in_use_is_refused_with_the_fix() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            Permanent, match=rf"cannot listen on 127.0.0.1:{port}: .*in use; stop the program.*--health-address"
        ):
            open_listener(("127.0.0.1", port))
