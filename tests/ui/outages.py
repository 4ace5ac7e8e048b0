"""Our three processes with servers that a test stops and freezes, and what each of them says of it: log and /readyz."""

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.local.embedded import EmbeddedServer
from app.local.postgres import EmbeddedPostgres
from app.local.valkey import EmbeddedValkey
from app.simulators.registry import LocalRegistry
from tests.e2e.site import PREFIX, Site, site
from tests.processes import Process, until
from tests.servers.local_registry import local_registry
from tests.servers.no_tls import NO_TLS
from tests.servers.ports import free_port
from tests.servers.postgres import migrate
from tests.servers.toxic import ToxicProxy

NAMES = ("app", "shop", "web")
_LOUD = ("warning", "error", "critical")


@dataclass(kw_only=True)
class Outages:
    """One installation; Postgres, registry and Nomad are reached through proxies."""

    site: Site
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    registry: LocalRegistry
    to_postgres: ToxicProxy
    to_registry: ToxicProxy
    to_nomad: ToxicProxy
    health: Mapping[str, str]
    """The health address of each process, by its name."""

    @property
    def url(self) -> str:
        return self.site.url

    @property
    def processes(self) -> Sequence[Process]:
        return [each for each in self.site.processes if each.running]

    async def readyz(self, name: str) -> tuple[int, str]:
        """(status, whole answer) of a process; (0, "") while nothing answers."""
        try:
            async with httpx.AsyncClient(verify=NO_TLS, trust_env=False, timeout=4) as client:
                answer = await client.get(f"{self.health[name]}/readyz")
        except httpx.HTTPError:
            return 0, ""
        return answer.status_code, answer.text

    async def all_ready(self, *, within: float) -> None:
        """Every process is ready, without an outage."""

        async def ready() -> bool:
            answers = [await self.readyz(each.name) for each in self.processes]
            return all(status == 200 and '"degraded"' not in text for status, text in answers)

        await until(ready, self.site.logs, within=within)

    def marks(self) -> Mapping[str, int]:
        """The length of each log now."""
        return {each.name: each.log.stat().st_size for each in self.processes}

    def lines(self, name: str, marks: Mapping[str, int]) -> Sequence[Mapping[str, Any]]:
        """The lines of that process's log since `marks`."""
        (process,) = (each for each in self.site.processes if each.name == name)
        whole = process.log.read_bytes()[marks[name] :].decode().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines() if line]

    def loud(self, name: str, marks: Mapping[str, int]) -> Sequence[str]:
        """The events of its warnings and errors since `marks`, and of the ends of outages."""
        events = ("outage.ended", "config.reloaded", "loop.recovered")
        return [each["event"] for each in self.lines(name, marks) if each["level"] in _LOUD or each["event"] in events]


def freeze(server: EmbeddedServer, *, whole: bool = False) -> None:
    """Stop the server's main process; with `whole` its children as well, as a frozen container does."""
    _signal(server, signal.SIGSTOP, whole=whole)


def thaw(server: EmbeddedServer) -> None:
    """Continue all of it."""
    _signal(server, signal.SIGCONT, whole=True)


def _signal(server: EmbeddedServer, number: int, *, whole: bool) -> None:
    server.signal(number)
    if not whole:
        return
    for child in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(child), number)


@asynccontextmanager
async def running() -> AsyncIterator[Outages]:
    """Everything runs, and every watch was checked."""
    with tempfile.TemporaryDirectory(prefix="registrywatcher-") as made:
        directory = Path(made)
        for each in (directory, directory / "postgres", directory / "valkey"):
            each.mkdir(exist_ok=True)
            each.chmod(0o711)
        with (
            EmbeddedPostgres(directory / "postgres", port=free_port(), durable=False) as postgres,
            EmbeddedValkey(directory / "valkey", port=free_port()) as valkey,
            local_registry() as (registry, registry_url),
        ):
            await asyncio.to_thread(migrate, postgres.url)
            async with ToxicProxy(postgres.url) as to_postgres, ToxicProxy(registry_url) as to_registry:
                with site(directory, database_url=to_postgres.url, redis_url=valkey.url) as ours:
                    async with ToxicProxy(ours.env["NOMAD_ADDR"]) as to_nomad:
                        ours.env = {**ours.env, "NOMAD_ADDR": to_nomad.url}
                        yield await _started(
                            Outages(
                                site=ours, postgres=postgres, valkey=valkey, registry=registry,
                                to_postgres=to_postgres, to_registry=to_registry, to_nomad=to_nomad, health={},
                            )
                        )  # fmt: skip


async def _started(made: Outages) -> Outages:
    ours, host = made.site, made.to_registry.url.partition("://")[2]
    for name in NAMES:
        digest = made.registry.push(f"{PREFIX}/{name}", "v1.0.0", content=name)
        ours.run_job(name, f"{host}/{PREFIX}/{name}:v1.0.0@{digest}")
    ours.configure(NAMES, host=host, head='poll_interval = "2s"')
    web = ours.start("web", port=ours.port)
    health = {web.name: web.url}
    for kind in ("worker", "poller"):
        port = free_port()
        health[ours.start(kind, "--health-address", f"127.0.0.1:{port}").name] = f"http://127.0.0.1:{port}"
    made.health = health
    await ours.ready()
    await made.all_ready(within=60)
    async with ours.api() as api:
        for name in NAMES:
            await ours.holds(api, name, "up_to_date")
    return made
