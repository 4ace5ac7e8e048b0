"""A whole installation for the browser: our three processes, a registry and a Nomad simulator that the test
controls."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from app.simulators.nomad import sample_job
from app.simulators.registry import LocalRegistry
from app.simulators.registry.events import Event, EventOrigin, EventTarget
from app.simulators.registry.grammar import OCI_MANIFEST
from tests.e2e.site import PREFIX, SECRET, Site, change, site, watch
from tests.processes import until
from tests.servers.files import replace
from tests.servers.local_registry import local_registry
from tests.webhook_sender import Sender

PATIENCE = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSetup:
    """One watch: its job and repository are `PREFIX/slug`; its job runs the first of `tags`."""

    name: str
    slug: str = ""
    tags: Sequence[str] = ("v1.0.0",)
    registry: str = "main"
    running: str = ""
    """The image's tag in the job; the first tag by default, "-" for no job at all."""
    job: Mapping[str, Any] = field(default_factory=dict)
    more: str = ""
    """Further lines of TOML."""

    @property
    def key(self) -> str:
        return self.slug or self.name


@dataclass(kw_only=True)
class Installation:
    """The running parts, and the methods to control them."""

    site: Site
    registry: LocalRegistry
    host: str
    database_url: str
    casts: dict[str, WatchSetup] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.site.url

    async def start(self, *casts: WatchSetup, head: str = "", tail: str = "") -> None:
        """Push the tags, seed the jobs, start the processes and wait until every watch was checked."""
        self.casts = {each.name: each for each in casts}
        for each in casts:
            for tag in each.tags:
                self.push_silently(each.name, tag)
            if each.running != "-":
                self.site.nomad.seed(
                    sample_job(each.key, f"{self.host}/{PREFIX}/{each.key}:{each.running or each.tags[0]}", **each.job)
                )
        replace(self.site.config, self._toml(head, tail))
        await self.site.run("web", "worker", "poller")
        if casts:
            await until(self._all_checked, "every watch is looked at", within=60)

    def push_silently(self, name: str, tag: str, content: str = "") -> str:
        """Push without an event; returns the digest."""
        return self.registry.push(
            f"{PREFIX}/{self.casts[name].key}", tag, content=content or f"{self.casts[name].key} {tag}"
        )

    async def push(self, name: str, tag: str, content: str = "") -> str:
        """Push, and deliver the webhook's event; returns the digest."""
        digest = self.push_silently(name, tag, content)
        await self.deliver_push(name, tag, digest)
        return digest

    async def deliver_push(self, name: str, tag: str, digest: str) -> str:
        """Post the registry's delivery of a push, true or false; returns the delivery's path."""
        target = EventTarget(
            repository=f"{PREFIX}/{self.casts[name].key}", media_type=OCI_MANIFEST, digest=digest, size=500, tag=tag
        )
        event = Event(
            action="push", target=target, origin=EventOrigin(host=self.host), at=0.0, instance_id=str(uuid4())
        )
        return await self.deliver(event.envelope())

    async def deliver(self, body: bytes) -> str:
        """Post any body as the registry; returns the delivery's path."""
        async with Sender(lambda: self.url, SECRET) as sender:
            answer = await sender.send(body)
        return str(answer.headers["location"])

    async def command(self, name: str, **rule: object) -> str:
        """Send a command by the API; returns the rollout's id, "" when there is none."""
        async with self.site.api() as api:
            return str((await change(api, name, **rule)).get("rollout_id") or "")

    async def post(self, path: str) -> httpx.Response:
        """Send a command by another route of the API."""
        async with self.site.api() as api:
            answer = await api.post(path)
        assert answer.is_success, answer.text
        return answer

    async def watch(self, name: str) -> dict[str, Any]:
        """The watch in GET /repos."""
        async with self.site.api() as api:
            return await watch(api, name)

    async def holds(self, name: str, reason: str) -> None:
        """Wait until the watch holds for this reason and none of its rollouts is open."""
        async with self.site.api() as api:
            await self.site.holds(api, name, reason)

    async def pinned(self, name: str) -> str:
        """The pinned tag of the rule, "" when releases are followed."""
        rows = await self.fetch("SELECT pinned_tag FROM watches WHERE name = $1", name)
        return str(rows[0]["pinned_tag"])

    async def rollouts(self, name: str) -> list[Any]:
        """All rollouts of the watch's job, oldest first."""
        return await self.fetch(
            "SELECT r.* FROM rollouts r JOIN watches w USING (target_id) WHERE w.name = $1 ORDER BY r.created_at", name
        )

    def registered(self, name: str) -> list[str]:
        """The tags of our registrations of the watch's job, in order."""
        images = self.site.registered(self.casts[name].key)
        return [image.partition("@")[0].rpartition(":")[2] for image in images]

    async def registers(self, name: str, tags: Sequence[str]) -> None:
        """Wait until our registrations of the watch's job are exactly these tags, in this order."""
        await until(
            lambda: self.registered(name) == [*tags],
            lambda: f"{name} registers {tags}; it has {self.registered(name)}",
            within=PATIENCE,
        )

    async def awaits_promotion(self, name: str) -> str:
        """Wait until the canaries of the watch's rollout wait for promotion; returns the rollout's id."""

        async def waits() -> str:
            return next(
                (
                    str(row["rollout_id"])
                    for row in await self.rollouts(name)
                    if row["ended_at"] is None and (_json(row["deployment"]) or {}).get("awaits_promotion")
                ),
                "",
            )

        return str(await until(waits, f"the canaries of {name} wait", within=PATIENCE))

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        """Rows of our database."""
        connection = await asyncpg.connect(self.database_url)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def _all_checked(self) -> bool:
        async with self.site.api() as api:
            answer = await api.get("/repos")
        if not answer.is_success:
            return False
        found = answer.json()
        return all(
            each.name in found and (found[each.name]["decision"] or each.registry != "main")
            for each in self.casts.values()
        )

    def _toml(self, head: str, tail: str) -> str:
        watches = "".join(
            f"[repo_map.{_quoted(each.name)}]\n"
            f'registry_name = "{each.registry}"\nrepository = "{PREFIX}/{each.key}"\n'
            f'nomad_job_name = {_quoted(each.key)}\nnomad_task_name = "server"\n{each.more}\n'
            for each in self.casts.values()
        )
        names = ", ".join(map(_quoted, self.casts))
        return (
            f'server_listening_address = "127.0.0.1:8080"\npoll_interval = "1h"\nwatched_repositories = [{names}]\n'
            'rollout_stall_after = "5h"\n'  # one of them moves for all of the run
            f'{head}\n[registry_map.main]\nregistry_scheme = "http"\nregistry_domain = "{self.host}"\n'
            f'[registry_map.gone]\nregistry_scheme = "http"\nregistry_domain = "127.0.0.1:9"\n'
            f'[webhooks.distribution]\nsecret = "{SECRET}"\n{tail}\n{watches}'
        )


@contextmanager
def installation(directory: Path, *, database_url: str, redis_url: str) -> Iterator[Installation]:
    """An empty installation; everything is stopped on exit, and a process that ended by itself fails the test."""
    with (
        site(directory, database_url=database_url, redis_url=redis_url) as made,
        local_registry() as (registry, url),
    ):
        yield Installation(site=made, registry=registry, host=url.partition("://")[2], database_url=database_url)


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _quoted(text: str) -> str:
    """A TOML string or key."""
    return json.dumps(text, ensure_ascii=False)
