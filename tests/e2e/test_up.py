"""Given a person's own registry and Nomad, when `registrywatcher up` runs, then a push is deployed; it stops
cleanly."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.simulators.registry import LocalRegistry, RegistryNotifications
from tests.e2e.commands import all_gone, running
from tests.e2e.site import PREFIX, SECRET, Site, site
from tests.e2e.statements import watch_count
from tests.servers.local_registry import local_registry

START = 90.0


@pytest.fixture
def registry() -> Iterator[tuple[LocalRegistry, str]]:
    with local_registry() as (made, url):
        yield made, url.partition("://")[2]


async def deploys_under_up(made: Site, registry: tuple[LocalRegistry, str], **variables: str) -> None:
    """Run `up` on the site's configuration, push, and wait for the registration; then Ctrl-C.

    The configuration does not ask for the schema, as README's does not: `up` migrates all the same.
    """
    contents, host = registry
    made.configure(["app"], host=host, head='poll_interval = "1h"')
    first = contents.push(f"{PREFIX}/app", "v1.0.0", content="first")
    made.run_job("app", f"{host}/{PREFIX}/app:v1.0.0@{first}")
    contents.notify(RegistryNotifications(url=made.hook, headers={"Authorization": f"Bearer {SECRET}"}))
    options = ("--config", str(made.config), "--data-dir", "state", "--port", str(made.port))
    with running("up", *options, cwd=made.directory, NOMAD_ADDR=made.env["NOMAD_ADDR"], **variables) as up:
        up.wait_for(f"serves {made.url}/", within=START)
        await made.ready()
        async with made.api() as api:
            await made.holds(api, "app", "up_to_date")
            digest = contents.push(f"{PREFIX}/app", "v1.1.0", content="second")
            await made.registers("app", f"{host}/{PREFIX}/app:v1.1.0@{digest}")
            await made.holds(api, "app", "up_to_date")
        started = up.processes()
        assert up.end(signal.SIGINT) == 0
        assert all_gone(started) == []
        assert "Traceback" not in up.text


async def test_up_starts_its_own_servers(
    server_directory: Path, registry: tuple[LocalRegistry, str], database_url: str, redis_url: str
) -> None:
    with site(server_directory, database_url=database_url, redis_url=redis_url) as made:
        await deploys_under_up(made, registry)
        assert (server_directory / "state").is_dir()
    assert await watch_count(database_url) == 0


async def test_up_uses_configured_servers_and_leaves_them_alone(
    server_directory: Path, registry: tuple[LocalRegistry, str], empty_database_url: str, redis_url: str
) -> None:
    with site(server_directory, database_url=empty_database_url, redis_url=redis_url) as made:
        await deploys_under_up(made, registry, DATABASE_URL=empty_database_url, REDIS_URL=redis_url)
    assert await watch_count(empty_database_url) == 1
    assert not (server_directory / "state").exists()
