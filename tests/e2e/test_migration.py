"""Given the Go service's file and table, then nothing restarts, and disabled watches stay disabled.

Only addresses are replaced in the file: this machine's registry and database instead of the company's.
"""

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.simulators.nomad import Simulator, sample_job
from app.simulators.registry import BasicAuth, LocalRegistry, RegistrySettings
from tests.e2e.site import SLOW_START, Site, change, site, watch
from tests.processes import until
from tests.servers.local_registry import local_registry

LEGACY = Path(__file__).parents[1] / "fixtures" / "config" / "legacy.toml"
# The Go service's table, with rows for the two repositories of the file and for one that is no longer watched.
TABLE = """
CREATE TABLE IF NOT EXISTS deployed_repository_version (
  repository_name character varying NOT NULL PRIMARY KEY UNIQUE,
  pinned_tag character varying NOT NULL,
  auto_deploy boolean NOT NULL default true
);
INSERT INTO deployed_repository_version VALUES
    ('billing-api', '', false), ('storefront', 'v1.0.0', true), ('retired', 'v9', true);
"""
TOKEN = "a-token-of-this-test"


@pytest.fixture
def registry() -> Iterator[tuple[LocalRegistry, str]]:
    """It requires the password of the legacy file."""
    with local_registry(RegistrySettings(auth=BasicAuth(users={"deploy": "pa:ss"}))) as (made, url):
        yield made, url.partition("://")[2]


@pytest.fixture
def installation(server_directory: Path, empty_database_url: str, redis_url: str) -> Iterator[Site]:
    """Writing on 0.0.0.0 requires a token, which the old file cannot contain: it comes from the environment."""
    variables = {
        "REGISTRYWATCHER_API_TOKENS__OWNER__ROLE": "admin",
        "REGISTRYWATCHER_API_TOKENS__OWNER__TOKEN": TOKEN,
        "REGISTRYWATCHER_POLL_INTERVAL": "300ms",
    }
    with site(server_directory, database_url=empty_database_url, redis_url=redis_url, **variables) as made:
        yield made
        print(made.logs())


def legacy_file(host: str) -> str:
    text = LEGACY.read_text()
    for there, here in {
        'registry_scheme = "https"': 'registry_scheme = "http"',
        'registry_domain = "registry.example:5000"': f'registry_domain = "{host}"',
        'registry_domain = "registry-1.docker.io"': f'registry_domain = "{host}"',
        'registry_auth = ""': 'registry_auth = "ZGVwbG95OnBhOnNzCg=="',
        "https://hooks.slack.example/": "http://127.0.0.1:9/",
    }.items():
        assert there in text
        text = text.replace(there, here)
    return text


async def test_nothing_restarts_and_an_update_is_held_until_it_is_switched_on(
    installation: Site, empty_database_url: str, registry: tuple[LocalRegistry, str]
) -> None:
    contents, host = registry
    billing, storefront = f"{host}/shop/billing-api", f"{host}/acme/storefront"
    contents.push("shop/billing-api", "v1.0.0", content="billing")
    contents.push("acme/storefront", "v1.0.0", content="storefront")
    run_job(installation.nomad, "billing", "api", f"{billing}:v1.0.0")
    run_job(installation.nomad, "storefront", "web", f"{storefront}:v1.0.0")
    await execute(empty_database_url, TABLE)
    installation.config.write_text(legacy_file(host))

    await installation.run("web", "worker", "poller")
    async with installation.api(headers={"Authorization": f"Bearer {TOKEN}"}) as api:
        await installation.holds(api, "billing-api", "up_to_date")
        await installation.holds(api, "storefront", "up_to_date")
        rules = {name: await watch(api, name) for name in ("billing-api", "storefront")}
        assert {name: (each["pinned_tag"], each["auto_deploy"]) for name, each in rules.items()} == {
            "billing-api": ("", False),
            "storefront": ("v1.0.0", True),
        }

        changed = contents.push("shop/billing-api", "v1.0.0", content="billing, built again")
        await installation.holds(api, "billing-api", "auto_deploy_off")
        installation.stop()
        await installation.run("web", "worker", "poller")
        checks = (await watch(api, "billing-api"))["decision"]["reconciles"]
        await until(lambda: _checked_more(api, checks), "it looks again after the restart", within=SLOW_START)
        assert [entry.images for entry in installation.nomad.ledger.entries()] == []

        await change(api, "billing-api", auto_deploy=True)
        await installation.registers("billing", f"{billing}:v1.0.0@{changed}")
        await installation.holds(api, "billing-api", "up_to_date")
    assert installation.registered("billing") == [f"{billing}:v1.0.0@{changed}"]
    assert installation.registered("storefront") == []


async def _checked_more(api: httpx.AsyncClient, checks: int) -> bool:
    return bool((await watch(api, "billing-api"))["decision"]["reconciles"] > checks)


def run_job(nomad: Simulator, job: str, task: str, image: str) -> None:
    nomad.seed(sample_job(job, image, task=task))


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()
