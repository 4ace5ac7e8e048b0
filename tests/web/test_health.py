"""Whether the process is alive, and whether it can do its work."""

from datetime import datetime

import pytest
from starlette.testclient import TestClient

from app.errors import Permanent, StoreUnavailable
from app.services.views.queries import SystemOutage
from tests.web.process import MemoryProcess
from tests.web.values import NOW


def test_healthz_is_200_during_any_outage(process: MemoryProcess, client: TestClient) -> None:
    process.pending = StoreUnavailable("gone")
    assert client.get("/healthz").json() == {"message": "alive"}


def test_ready(client: TestClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"message": "ready", "outages": []})


def test_redis_registries_nomad_and_the_file_only_degrade_and_are_listed(
    process: MemoryProcess, client: TestClient
) -> None:
    process.waker.problem = "Redis does not take messages"
    process.problem = "config: a fault"
    process.queries.absent = (SystemOutage(name="Nomad", problem="no leader", since=NOW),)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["message"] == "degraded"
    assert [each["name"] for each in answer.json()["outages"]] == ["Redis", "configuration", "Nomad"]
    assert datetime.fromisoformat(answer.json()["outages"][2]["since"]) == NOW


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (("0001_initial",), "registrywatcher migrate"),
        (StoreUnavailable("Postgres cannot be used now"), "Postgres"),
        (Permanent("the database is newer than this program"), "newer"),
    ],
)
def test_not_ready(
    process: MemoryProcess, client: TestClient, state: tuple[str, ...] | Exception, message: str
) -> None:
    process.pending = state
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert message in answer.json()["message"]


def test_not_ready_while_its_own_loops_make_no_progress(process: MemoryProcess, client: TestClient) -> None:
    process.stalled = "no turn was completed for 7 s by: presence: Postgres cannot be used now"
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json() == {"message": process.stalled}
    assert client.get("/healthz").status_code == 200
    assert process.stalled in client.get("/", headers={"Accept": "text/html"}).text
