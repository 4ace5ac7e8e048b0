"""The web process as it is started: it serves while everything is away, and finds its services by itself."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from app.asgi import create_app
from app.settings import load_settings
from tests.web.process import HERE, WIDER

NOWHERE = "127.0.0.1:1"

CONFIG = """
server_listening_address = "127.0.0.1:8080"
watched_repositories = ["app"]

[registry_map.main]
registry_scheme = "http"
registry_domain = "127.0.0.1:1"
registry_prefix = "team"

[repo_map.app]
registry_name = "main"
nomad_job_name = "web"
nomad_task_name = "server"

[webhooks.distribution]
secret = "a-secret-of-the-registry"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "registrywatcher.toml"
    file.write_text(CONFIG)
    return file


@contextmanager
def serving(file: Path, database_url: str) -> Iterator[TestClient]:
    """The web process of the file, with Redis, the registry and Nomad away."""
    environ = {
        "DATABASE_URL": database_url,
        "REDIS_URL": f"redis://{NOWHERE}/0",
        "NOMAD_ADDR": f"http://{NOWHERE}",
    }
    application = create_app(load_settings(file, environ), bound=HERE)
    with TestClient(application, base_url="http://localhost:8080", client=("127.0.0.1", 50_000)) as client:
        yield client


def test_it_serves_while_everything_is_away(file: Path) -> None:
    with serving(file, f"postgresql://nobody@{NOWHERE}/nothing") as client:
        assert client.get("/ping/").json() == {"message": "pong"}
        assert client.get("/healthz").status_code == 200
        for path in ("/readyz", "/repos", "/tags/app", "/rollouts", "/"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert "Retry-After" in answer.headers
        assert client.post("/tags/app", json={"auto_deploy": True}).status_code == 503
        assert client.post("/webhooks/distribution", headers={"Authorization": "wrong"}).status_code == 401


def test_it_works_with_postgres_alone(file: Path, database_url: str) -> None:
    with serving(file, database_url) as client:
        deadline = time.monotonic() + 60
        while "app" not in client.get("/repos").json():
            assert time.monotonic() < deadline, "the watches were not reconciled"
        assert client.get("/readyz").status_code == 200
        assert client.post("/tags/app", json={"auto_deploy": False}).json() == {
            "message": "Auto deployment set to false"
        }
        assert client.get("/repos").json()["app"]["auto_deploy"] is False
        answer = client.post("/tags/app", json={"pinned_tag": "v1.0.0", "auto_deploy": True})
        assert answer.status_code == 503
        assert client.get("/repos").json()["app"]["auto_deploy"] is False

        sent = _taken(client)
        assert client.get(sent.headers["Location"]).json()["source"] == "distribution"
        assert client.post("/webhooks/harbor", json={}).status_code == 404
        assert "/webhooks/harbor" in client.get("/", headers={"Accept": "text/html"}).text


def _taken(client: TestClient) -> Response:
    """As registries do: again until it is taken, since a busy Postgres may not commit in time."""
    for _ in range(100):
        sent = client.post(
            "/webhooks/distribution",
            json={"events": []},
            headers={"Authorization": "Bearer a-secret-of-the-registry"},
        )
        if sent.status_code == 202:
            return sent
        assert (sent.status_code, sent.headers.get("Retry-After")) == (503, "1")
    raise AssertionError("not taken by 100 posts")


def test_without_a_schema_it_says_so(file: Path, empty_database_url: str) -> None:
    file.write_text("create_database_schema = false\n" + CONFIG)
    with serving(file, empty_database_url) as client:
        for path in ("/readyz", "/repos"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert "registrywatcher migrate" in answer.json()["message"]


def test_a_server_that_does_not_say_what_it_listens_on_trusts_nobody(file: Path) -> None:
    """As with somebody else's server, a Unix socket, or a file descriptor."""
    settings = load_settings(file, {"DATABASE_URL": f"postgresql://nobody@{NOWHERE}/nothing"})
    for bound in (None, WIDER):
        application = create_app(settings, bound=bound)
        with TestClient(application, base_url="http://localhost:8080", client=("127.0.0.1", 50_000)) as client:
            assert client.get("/repos").status_code == 503
            assert client.post("/tags/app", json={"auto_deploy": True}).status_code == 403
