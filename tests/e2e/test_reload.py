"""Given running processes, when the configuration file changes, then they follow it without a restart."""

import asyncio
import os
import signal
from collections.abc import Iterator

import httpx
import pytest

from app.simulators.registry import LocalRegistry
from app.simulators.registry.events import CONTENT_TYPE
from tests.e2e.discovery import ByWebhook, Finding, envelope, found
from tests.e2e.site import PREFIX, SECRET, SLOW_START, Site, watch
from tests.processes import until
from tests.servers.files import replace
from tests.servers.local_registry import local_registry
from tests.webhook_sender import Sender

NEWER = "the-newer-secret"


@pytest.fixture
def registry() -> Iterator[tuple[LocalRegistry, str]]:
    with local_registry() as (made, url):
        yield made, url.partition("://")[2]


async def problem(api: httpx.AsyncClient) -> str:
    """The problem with the configuration in /readyz, "" when there is none."""
    outages = (await api.get("/readyz")).json()["outages"]
    return str(next((each["problem"] for each in outages if each["name"] == "configuration"), ""))


async def test_a_new_watch_is_deployed(installation: Site, registry: tuple[LocalRegistry, str]) -> None:
    contents, host = registry
    async with found(ByWebhook, installation, contents, host=host, first=("v1.0.0", "first")) as finding:
        await installation.holds(finding.api, "app", "up_to_date")
        old = finding.push_silently("other", "v1.0.0", "other")
        installation.run_job("other", finding.image("other", "v1.0.0", old))
        new = finding.push_silently("other", "v1.1.0", "newer")
        installation.configure(["app", "other"], host=host, head='poll_interval = "1h"')
        await installation.registers("other", finding.image("other", "v1.1.0", new))
        await finding.push("other", "v1.2.0", "newest")
        await installation.holds(finding.api, "other", "up_to_date")
    assert len(installation.registered("other")) == 2
    assert installation.registered("app") == []


async def test_a_broken_file_changes_nothing_and_is_shown(
    installation: Site, registry: tuple[LocalRegistry, str]
) -> None:
    contents, host = registry
    async with found(ByWebhook, installation, contents, host=host, first=("v1.0.0", "first")) as finding:
        sound = installation.config.read_text()
        misspelt = sound.replace('registry_name = "main"', 'registry_name = "mian"')
        for tag, broken, trigger in (("v1.1.0", "watched_repositories = [", "TOML"), ("v1.2.0", misspelt, "`mian`")):
            replace(installation.config, broken)
            await until(lambda: _shows(finding.api, trigger), f"the fault is shown: {trigger}", within=SLOW_START)  # noqa: B023
            digest = await finding.push("app", tag, tag)
            await installation.registers("app", finding.image("app", tag, digest))
        assert "configuration" in (await finding.api.get("/")).text
        replace(installation.config, sound)
        await until(lambda: _is_sound(finding.api), "the fault is gone", within=SLOW_START)


async def test_sighup_reads_the_file_although_it_did_not_change(
    installation: Site, registry: tuple[LocalRegistry, str]
) -> None:
    contents, host = registry
    async with found(ByWebhook, installation, contents, host=host, first=("v1.0.0", "first")) as finding:
        worker = installation.processes[1]
        await until(lambda: "worker.started" in worker.log.read_text(), worker.name, within=SLOW_START)
        for process in installation.processes:
            before = _reloads(process.log.read_text())
            process.signal(signal.SIGHUP)
            await until(lambda: _reloads(process.log.read_text()) > before, process.name, within=SLOW_START)  # noqa: B023
        digest = await finding.push("app", "v1.1.0", "second")
        await installation.registers("app", finding.image("app", "v1.1.0", digest))


@pytest.mark.parametrize(
    ("kind", "trigger"),
    [("web", "by SIGHUP"), ("worker", "by SIGHUP"), ("poller", "by SIGHUP"), ("worker", "by a change")],
)
async def test_a_change_or_signal_during_the_start_is_not_lost(
    installation: Site, registry: tuple[LocalRegistry, str], kind: str, trigger: str
) -> None:
    """It comes while the file is read for the first time, which the test makes slow."""
    _, host = registry
    installation.configure(["app"], host=host)
    read, waiting = installation.config, installation.directory / "waiting"
    content = read.read_bytes()
    os.mkfifo(waiting)
    waiting.replace(read)
    process = installation.start(kind)
    with await asyncio.to_thread(read.open, "wb") as pipe:  # returns when the process has opened it
        if trigger == "by SIGHUP":
            process.signal(signal.SIGHUP)
        waiting.write_bytes(content if trigger == "by SIGHUP" else content + b"# changed\n")
        waiting.replace(read)
        pipe.write(content)
    await until(lambda: _reloads(process.log.read_text()) == 1, f"{process.name} reads again", within=SLOW_START)


async def test_a_secret_is_changed_with_events_in_flight(
    installation: Site, registry: tuple[LocalRegistry, str]
) -> None:
    """The old secret is valid until it is removed, the new one from its first moment; no event is refused between."""
    contents, host = registry
    async with found(ByWebhook, installation, contents, host=host, first=("v1.0.0", "first")) as finding:
        number = 0
        stopped = asyncio.Event()

        async def send() -> None:
            """Like a registry with the old configuration: the old secret, without a pause."""
            nonlocal number
            async with Sender(lambda: installation.url, SECRET) as sender:  # fails where a post was refused
                while not stopped.is_set():
                    number += 1
                    digest = finding.push_silently("app", f"v1.{number}.0", f"content {number}")
                    await sender.send(envelope(host, "app", f"v1.{number}.0", digest))

        sending = asyncio.create_task(send())
        try:
            rotate(installation, host, f'secret = "{NEWER}"\nprevious_secret = "{SECRET}"')
            await until(lambda: _accepts(finding, host, NEWER), "the new secret is valid", within=SLOW_START)
        finally:
            stopped.set()
            await sending
        last = f"v1.{number}.0"
        await installation.registers(
            "app", finding.image("app", last, contents.history(f"{PREFIX}/app", last)[-1].digest or "")
        )
        rotate(installation, host, f'secret = "{NEWER}"')
        await until(lambda: _refuses(finding, host, SECRET), "the old secret is refused", within=SLOW_START)
        async with Sender(lambda: installation.url, NEWER) as sender:
            await sender.send(envelope(host, "app", "nightly", finding.push_silently("app", "nightly", "no release")))
        assert (await watch(finding.api, "app"))["pinned_tag_value"] == last


def rotate(installation: Site, host: str, secret: str) -> None:
    installation.configure(["app"], host=host, head='poll_interval = "1h"', secret=secret)


async def post(api: httpx.AsyncClient, host: str, tag: str, digest: str, *, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": CONTENT_TYPE}
    answer = await api.post("/webhooks/distribution", content=envelope(host, "app", tag, digest), headers=headers)
    return answer.status_code


async def _accepts(finding: Finding, host: str, secret: str) -> bool:
    digest = finding.push_silently("app", "nightly", "no release")
    return await post(finding.api, host, "nightly", digest, secret=secret) == 202


async def _refuses(finding: Finding, host: str, secret: str) -> bool:
    return await post(finding.api, host, "nightly", "sha256:" + "0" * 64, secret=secret) == 401


async def _shows(api: httpx.AsyncClient, fault: str) -> bool:
    return fault in await problem(api)


async def _is_sound(api: httpx.AsyncClient) -> bool:
    return not await problem(api)


def _reloads(log: str) -> int:
    return log.count("config.reloaded")
