"""The three ways to find a push: by its webhook, by the poller, and after a restart of every process.

`push` of each returns only when a check has surely run after the push, so "nothing happened" has a meaning: no test has
to sleep.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import uuid4

import httpx

from app.simulators.registry import LocalRegistry
from app.simulators.registry.events import Event, EventOrigin, EventTarget
from app.simulators.registry.grammar import OCI_MANIFEST
from tests.e2e.site import PREFIX, SECRET, Site, watch
from tests.processes import until
from tests.webhook_sender import Sender

PATIENCE = 90.0


@dataclass(kw_only=True)
class Finding(ABC):
    """A site, its registry and its API, with one way of finding pushes."""

    site: Site
    registry: LocalRegistry
    host: str
    api: httpx.AsyncClient

    processes: ClassVar[tuple[str, ...]] = ("web", "worker", "poller")
    poll_interval: ClassVar[str] = "1h"

    def image(self, name: str, tag: str, digest: str) -> str:
        return f"{self.host}/{PREFIX}/{name}:{tag}@{digest}"

    def push_silently(self, name: str, tag: str, content: str) -> str:
        """Push without an event and without waiting; returns the digest."""
        return self.registry.push(f"{PREFIX}/{name}", tag, content=content)

    @abstractmethod
    async def push(self, name: str, tag: str, content: str) -> str:
        """Push, and wait until a check after it was recorded; returns the digest."""

    async def deliver_push(self, name: str, tag: str, digest: str) -> None:
        """Post the registry's delivery, and wait until every watch has answered it."""
        async with Sender(lambda: self.site.url, SECRET) as sender:
            answer = await sender.send(envelope(self.host, name, tag, digest))
        location = answer.headers["location"]
        await until(lambda: _is_settled(self.api, location), f"{location} is settled", within=PATIENCE)

    async def last_decision(self, name: str) -> dict[str, Any]:
        """The last decision, with its id and the number of reconciles that made it."""
        found: dict[str, Any] = (await watch(self.api, name))["decision"]
        return found


class ByWebhook(Finding):
    processes = ("web", "worker")

    async def push(self, name: str, tag: str, content: str) -> str:
        digest = self.push_silently(name, tag, content)
        await self.deliver_push(name, tag, digest)
        return digest


class ByPoller(Finding):
    poll_interval = "200ms"

    async def push(self, name: str, tag: str, content: str) -> str:
        digest = self.push_silently(name, tag, content)
        for _ in range(2):  # reconciles of one job run one after the other: the second began after the push
            await self._is_checked(name)
        return digest

    async def _is_checked(self, name: str) -> None:
        before = await self.last_decision(name)

        async def moved() -> bool:
            now = await self.last_decision(name)
            return (now["since"], now["reconciles"]) != (before["since"], before["reconciles"])

        await until(moved, f"the poller looks at {name}", within=PATIENCE)


class OverARestart(Finding):
    """None of our processes runs when the push happens; the registry delivers its event once the web process is
    back."""

    async def push(self, name: str, tag: str, content: str) -> str:
        self.site.stop()
        digest = self.push_silently(name, tag, content)
        await self.site.run(*self.processes)
        await self.deliver_push(name, tag, digest)
        return digest


WAYS = (ByWebhook, ByPoller, OverARestart)


@asynccontextmanager
async def found(
    way: type[Finding], site: Site, registry: LocalRegistry, *, host: str, first: tuple[str, str]
) -> AsyncIterator[Finding]:
    """The watch `app` whose job runs the first (tag, content) by digest; all processes of this way run."""
    tag, content = first
    async with site.api() as api:
        finding = way(site=site, registry=registry, host=host, api=api)
        site.configure(["app"], host=host, head=f'poll_interval = "{way.poll_interval}"')
        site.run_job("app", finding.image("app", tag, finding.push_silently("app", tag, content)))
        await site.run(*way.processes)
        yield finding


def envelope(host: str, name: str, tag: str, digest: str) -> bytes:
    """The body that Distribution posts for the push of a manifest under a tag."""
    return Event(
        action="push",
        target=EventTarget(repository=f"{PREFIX}/{name}", media_type=OCI_MANIFEST, digest=digest, size=500, tag=tag),
        origin=EventOrigin(host=host),
        at=0.0,
        instance_id=str(uuid4()),
    ).envelope()


async def _is_settled(api: httpx.AsyncClient, location: str) -> bool:
    delivery = (await api.get(location)).json()
    answers = [answer for event in delivery["events"] for answer in event["watches"]]
    return bool(answers) and all(answer["state"] == "settled" for answer in answers)
