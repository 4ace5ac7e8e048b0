"""Whether the process lives, and whether it can do its work."""

from datetime import datetime

import pytest
from starlette.testclient import TestClient

from app.errors import Permanent, StoreUnavailable
from app.services.views.queries import SystemOutage
from tests.web.face import NOW, Face


def test_alive_whatever_is_away(face: Face, client: TestClient) -> None:
    face.pending = StoreUnavailable("gone")
    assert client.get("/healthz").json() == {"message": "alive"}


def test_ready(client: TestClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"message": "ready", "outages": []})


def test_redis_registries_nomad_and_the_file_only_degrade_and_are_listed(face: Face, client: TestClient) -> None:
    face.waker.problem = "Redis does not take messages"
    face.problem = "config: a fault"
    face.queries.absent = (SystemOutage(name="Nomad", problem="no leader", since=NOW),)
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
def test_not_ready(face: Face, client: TestClient, state: tuple[str, ...] | Exception, message: str) -> None:
    face.pending = state
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert message in answer.json()["message"]


def test_not_ready_while_its_own_loops_stand_still(face: Face, client: TestClient) -> None:
    face.stalled = "loop presence stalled for 7 s: Postgres cannot be used now"
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json() == {"message": face.stalled}
    assert client.get("/healthz").status_code == 200
    assert face.stalled in client.get("/", headers={"Accept": "text/html"}).text
