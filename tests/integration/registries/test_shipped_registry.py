"""The shipped config/registry.yml is one that a real registry takes; what docker-compose.yml lays over it is sent."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.local.daemon import Daemon
from app.webhooks.authenticate import is_authentic
from tests.servers.no_tls import NO_TLS
from tests.servers.ports import free_port
from tests.servers.pushes import push_image
from tests.servers.recorder import recording
from tests.unit.packaging.documents import ROOT, nested, read

ENDPOINTS = "REGISTRY_NOTIFICATIONS_ENDPOINTS"


@contextmanager
def serving(program: str, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The shipped file with another port and folder; yields the registry's URL."""
    address = f"127.0.0.1:{free_port()}"
    moved = {"REGISTRY_HTTP_ADDR": address, "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(folder / "storage")}
    argv = [program, "serve", str(ROOT / "config" / "registry.yml")]
    daemon = Daemon(argv, log=folder / "registry.log", grace=2, env={**moved, **environment})

    def ready() -> bool:
        try:
            return httpx.get(f"http://{address}/v2/", trust_env=False, timeout=1, verify=NO_TLS).status_code == 200
        except httpx.TransportError:
            return False

    daemon.start(ready, timeout=20)
    try:
        yield f"http://{address}"
    finally:
        daemon.kill()


@pytest.fixture
def registry_program(find_program: Callable[..., str]) -> str:
    return find_program("docker-registry", fix="on Debian: apt install docker-registry")


async def test_a_push_is_delivered_one_time_with_the_secret_of_compose(registry_program: str, tmp_path: Path) -> None:
    endpoints = nested(read("docker-compose.yml"), "services", "registry", "environment", ENDPOINTS)
    with recording() as recorder:
        endpoint_config = re.sub(r"\$\{WEBHOOK_SECRET[^}]*\}", "s3cret", endpoints)
        endpoint_config = re.sub(r"url: \S+", f"url: {recorder.url}", endpoint_config)
        with serving(registry_program, tmp_path, {ENDPOINTS: endpoint_config}) as url:
            async with httpx.AsyncClient(verify=NO_TLS, base_url=url, trust_env=False) as client:
                await client.get("/v2/hello/tags/list")
                first = await push_image(client, "hello", "v1.0.0", content="one")
                second = await push_image(client, "hello", "v1.1.0", content="two")
            received = recorder.wait_for(lambda received: len(received) >= 2)

    # Neither a layer nor a pull came before the second push: the `ignore` lists keep them away.
    assert [one.event["target"]["digest"] for one in received] == [first, second]
    assert all(is_authentic([one.headers["authorization"].encode()], [b"s3cret"]) for one in received)


def test_the_file_alone_starts_too(registry_program: str, tmp_path: Path) -> None:
    with serving(registry_program, tmp_path, {}) as url:
        assert httpx.get(f"{url}/v2/", trust_env=False, verify=NO_TLS).json() == {}
