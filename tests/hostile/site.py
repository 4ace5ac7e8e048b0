"""The whole web process on a real Postgres, with a registry and a Nomad, and what a test asks of its tables.

No worker runs: what a request stores stays as it is stored.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.applications import Starlette

from app.asgi import create_app
from app.settings import load_settings
from app.simulators.nomad import Simulator, create_simulator_app, sample_job
from app.simulators.registry import LocalRegistry
from tests.hostile.door import Answer, Request, call
from tests.servers.http import serve
from tests.servers.local_registry import local_registry
from tests.unit.webhooks.bodies import envelope, push
from tests.web.process import HERE

SECRET, SECOND, BOSS, DEPLOYER, VIEWER = "s-hook", "s-second", "t-boss", "t-deployer", "t-viewer"
LIMIT = 4 * 1024 * 1024  # bytes of a delivery, the default
TAGS = ("v1.0.0", "v1.1.0", "test")
CALLER = (b"authorization", f"Bearer {BOSS}".encode())

_CONFIG = """
server_listening_address = "127.0.0.1:8080"
watched_repositories = ["app", "team/app"]

[registry_map.main]
registry_scheme = "http"
registry_domain = "{host}"
registry_prefix = "team"

[repo_map.app]
registry_name = "main"
nomad_job_name = "web"
nomad_task_name = "server"

[repo_map."team/app"]
registry_name = "main"
repository = "team/other"
nomad_job_name = "other"
nomad_task_name = "server"

[webhooks.main]
kind = "distribution"
secret = "{secret}"

[webhooks.second]
kind = "distribution"
secret = "{second}"

[api_tokens.boss]
role = "admin"
token = "{boss}"

[api_tokens.dep]
role = "deployer"
token = "{deployer}"

[api_tokens.view]
role = "viewer"
token = "{viewer}"
"""

_EVENTS = "SELECT action, path, tag, digest, identity FROM events WHERE delivery_id = $1 ORDER BY event_id"
_DELIVERY = "SELECT acceptance, ignored, duplicates, oddities::text FROM deliveries WHERE delivery_id = $1"
_STATE = """
SELECT (SELECT jsonb_agg(jsonb_build_array(name, pinned_tag, auto_deploy) ORDER BY name) FROM watches)::text AS rules,
       (SELECT paused FROM switches) AS paused,
       (SELECT count(*) FROM rollouts) AS rollouts,
       (SELECT count(*) FROM audit_log) AS audited
"""
_DESIRED = "SELECT watch_name, tag, digest FROM rollout_watches"
_TRIES = 3  # of one delivery; what cannot be stored at all is refused each time
_WATCHES = "SELECT count(*) FROM watches WHERE present"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event row."""

    action: str
    path: str
    tag: str
    digest: str | None
    identity: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDelivery:
    """A delivery row with its event rows."""

    acceptance: str
    ignored: int
    duplicates: int
    oddities: str
    events: tuple[StoredEvent, ...]


@dataclass(slots=True, kw_only=True)
class Site:
    """The process, its doors and its tables. All methods block, and may be called from one thread."""

    portal: BlockingPortal
    application: Starlette
    connection: asyncpg.Connection
    registry: LocalRegistry
    nomad: Simulator
    _numbers: Iterator[int]

    def send(self, request: Request) -> Answer:
        """The answer to one request."""
        return self.send_all([request])[0]

    def send_all(self, requests: Sequence[Request]) -> list[Answer]:
        """The answers to requests that arrive at the same time. A request that fails without an answer counts as
        answered by 500. As every sender does, a delivery is sent again that a busy Postgres did not store in time."""

        async def answer(request: Request) -> Answer:
            for _ in range(_TRIES):
                found = await call(self.application, request)
                if found.status != 503 or not request.target.startswith(b"/webhooks/"):
                    break
            return found

        async def all_of_them() -> list[Answer]:
            found = await asyncio.gather(*map(answer, requests), return_exceptions=True)
            return [
                each if isinstance(each, Answer) else Answer(status=500, body=repr(each).encode()) for each in found
            ]

        return self.portal.call(all_of_them)

    def delivery(self, answer: Answer) -> StoredDelivery:
        """What was stored of a delivery that was answered by 202."""
        delivery_id = UUID(str(answer.json["delivery"]))
        row = self._fetch(_DELIVERY, delivery_id)[0]
        return StoredDelivery(**row, events=tuple(StoredEvent(**each) for each in self._fetch(_EVENTS, delivery_id)))

    def state(self) -> dict[str, Any]:
        """What people's commands change: rules, the pause, and how many rollouts and audit entries there are."""
        row = self._fetch(_STATE)[0]
        return {**row, "rules": json.loads(row["rules"])}

    def desired(self) -> list[dict[str, Any]]:
        """What the requested rollouts deploy: watch, tag and digest."""
        return self._fetch(_DESIRED)

    def is_live(self) -> bool:
        """Whether a sound event sent now is accepted, and is a row: the statement that inserts it counts it."""
        identity = f"sound-{next(self._numbers)}"
        answer = self.send(delivery(envelope(push(event_id=identity))))
        assert (answer.status, answer.json.get("events")) == (202, 1), answer.body
        return True

    def _fetch(self, statement: str, *values: object) -> list[dict[str, Any]]:
        return [dict(row) for row in self.portal.call(self.connection.fetch, statement, *values)]


def delivery(body: bytes | Sequence[bytes], *headers: tuple[bytes, bytes], derived: bool = False) -> Request:
    """A delivery with its source's secret; `headers` come after it.

    A body that is derived from others goes to a source of its own, where the identities of those are not known.
    """
    source, secret = ("second", SECOND) if derived else ("main", SECRET)
    sender = (b"authorization", f"Bearer {secret}".encode())
    return Request(target=f"/webhooks/{source}".encode(), headers=(sender, *headers), body=body)


@contextmanager
def site(directory: Path, database_url: str) -> Iterator[Site]:
    """Start everything; ready when the watches are configured."""
    nomad = Simulator()
    with ExitStack() as opened:
        registry, registry_url = opened.enter_context(local_registry())
        nomad_url = opened.enter_context(serve(create_simulator_app(nomad)))
        host = registry_url.partition("://")[2]
        for repository, job in ("team/app", "web"), ("team/other", "other"):
            for tag in TAGS:
                registry.push(repository, tag, content=f"{repository} {tag}")
            nomad.seed(sample_job(job, f"{host}/{repository}:v1.0.0"))
        file = directory / "registrywatcher.toml"
        secrets = {"secret": SECRET, "second": SECOND, "boss": BOSS, "deployer": DEPLOYER, "viewer": VIEWER}
        file.write_text(_CONFIG.format(host=host, **secrets))
        environ = {"DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:1/0", "NOMAD_ADDR": nomad_url}
        application = create_app(load_settings(file, environ), bound=HERE)

        @asynccontextmanager
        async def running():  # type: ignore[no-untyped-def]
            async with application.router.lifespan_context(application):
                connection = await asyncpg.connect(database_url)
                try:
                    while await connection.fetchval(_WATCHES) < 2:  # noqa: ASYNC110 - another connection writes them
                        await asyncio.sleep(0.02)
                    yield connection
                finally:
                    await connection.close()

        portal = opened.enter_context(start_blocking_portal())
        with portal.wrap_async_context_manager(running()) as connection:
            yield Site(
                portal=portal,
                application=application,
                connection=connection,
                registry=registry,
                nomad=nomad,
                _numbers=count(1),
            )
