"""Following releases, a pinned tag, and auto deploy off and on: the same result by webhook, poller and restart."""

import time
from collections.abc import Iterator

import pytest

from app.simulators.registry import LocalRegistry
from tests.e2e.discovery import WAYS, Finding, found
from tests.e2e.site import Site, change, watch
from tests.machine_load import machine
from tests.servers.local_registry import local_registry

ways = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


@pytest.fixture
def registry() -> Iterator[tuple[LocalRegistry, str]]:
    with local_registry() as (made, url):
        yield made, url.partition("://")[2]


@ways
async def test_releases_are_followed_upwards_only(
    installation: Site, registry: tuple[LocalRegistry, str], way: type[Finding]
) -> None:
    contents, host = registry
    async with found(way, installation, contents, host=host, first=("v0.1.0", "first")) as finding:
        await installation.holds(finding.api, "app", "up_to_date")
        expected: list[str] = []
        for tag, is_deployed in (
            ("v0.0.2", False), ("v0.2.0", True), ("v0.0.9", False), ("v0.9.0", True), ("v0.10.0", True)
        ):  # fmt: skip
            digest = await finding.push("app", tag, tag)
            if is_deployed:
                expected.append(finding.image("app", tag, digest))
                await installation.registers("app", expected[-1])
            await installation.holds(finding.api, "app", "up_to_date")
            assert installation.registered("app") == expected, tag
            assert tag in (await watch(finding.api, "app"))["tags"]


@ways
async def test_a_pinned_tag_is_redeployed_when_its_digest_changes(
    installation: Site, registry: tuple[LocalRegistry, str], way: type[Finding]
) -> None:
    contents, host = registry
    async with found(way, installation, contents, host=host, first=("test", "first")) as finding:
        await installation.holds(finding.api, "app", "no_matching_tag")
        await change(finding.api, "app", pinned_tag="test")  # a command deploys, whatever runs
        await installation.holds(finding.api, "app", "up_to_date")
        before = installation.registered("app")

        await finding.push("app", "test", "first")
        await installation.holds(finding.api, "app", "up_to_date")
        assert installation.registered("app") == before

        digest = await finding.push("app", "test", "second")
        await installation.registers("app", finding.image("app", "test", digest))
        await installation.holds(finding.api, "app", "up_to_date")
        await finding.push("app", "test", "second")
        await installation.holds(finding.api, "app", "up_to_date")
        assert installation.registered("app") == [*before, finding.image("app", "test", digest)]


@ways
async def test_a_digest_that_changes_while_auto_deploy_is_off_is_deployed_when_it_is_on(
    installation: Site, registry: tuple[LocalRegistry, str], way: type[Finding]
) -> None:
    contents, host = registry
    async with found(way, installation, contents, host=host, first=("v1.0.0", "first")) as finding:
        await installation.holds(finding.api, "app", "up_to_date")
        await change(finding.api, "app", auto_deploy=False)
        digest = await finding.push("app", "v1.0.0", "second")
        await installation.holds(finding.api, "app", "auto_deploy_off")
        assert (await finding.last_decision("app"))["digest"] == digest
        assert installation.registered("app") == []

        with machine() as pace:
            began = time.monotonic()
            await change(finding.api, "app", auto_deploy=True)
            await installation.registers("app", finding.image("app", "v1.0.0", digest))
            took = time.monotonic() - began
            stretch = pace.stretch
        print(f"deployed {took:.2f} s after it was switched on, stretch {stretch:.1f}")
        assert took < 5 * stretch
        await installation.holds(finding.api, "app", "up_to_date")
        assert installation.registered("app") == [finding.image("app", "v1.0.0", digest)]
