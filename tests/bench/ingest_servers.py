"""The two servers that tests.bench.ingest compares: our webhook receiver, and a handler with one bare INSERT.

python -m tests.bench.ingest_servers ours|bare PORT DATABASE_URL
"""

import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.ingest.inbox import PostgresInbox
from app.logging import configure_logging
from app.settings.secret import Secret
from app.settings.values import WebhookSource
from app.web.api.webhooks import webhook

SECRET = "bench"
BARE_TABLE = """
CREATE TABLE bare (row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, received_at timestamptz DEFAULT now(),
                   identity text, path text, tag text, digest text)
"""
_INSERT = "INSERT INTO bare (identity, path, tag, digest) VALUES ($1, $2, $3, $4)"


class SilentWaker:
    """Wakes nothing: waking a worker is not measured here."""

    def wake(self, actor: str, key: str, *, delay: float = 0.0) -> None:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchSettings:
    webhook_sources: dict[str, WebhookSource]
    max_body_bytes: int = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchServices:
    inbox: PostgresInbox
    waker: SilentWaker
    settings: BenchSettings


def ours(url: str) -> Starlette:
    """The product's handler on the product's inbox."""
    source = WebhookSource(kind="distribution", secrets=(Secret(SECRET),))
    services = BenchServices(
        inbox=PostgresInbox(Database(url)),
        waker=SilentWaker(),
        settings=BenchSettings(webhook_sources={"main": source}),
    )

    async def handle(request: Request) -> Response:
        return await webhook(request, services)

    return Starlette(routes=[Route("/webhooks/{source}", handle, methods=["POST"])])


def bare(url: str) -> Starlette:
    """Authenticate, parse, insert one row, answer: no classification, no deduplication, no due targets."""
    pools: list[asyncpg.Pool] = []

    async def handle(request: Request) -> Response:
        if not secrets.compare_digest(request.headers["authorization"], f"Bearer {SECRET}"):
            return Response(status_code=401)
        event = orjson.loads(await request.body())["events"][0]
        target = event["target"]
        await pools[0].execute(_INSERT, event["id"], target["repository"], target.get("tag"), target["digest"])
        return Response(b'{"events": 1}', 202, media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, min_size=0, max_size=10) as pool:
            pools.append(pool)
            yield

    return Starlette(routes=[Route("/webhooks/main", handle, methods=["POST"])], lifespan=lifespan)


if __name__ == "__main__":
    name, port, database_url = sys.argv[1:]
    configure_logging(os.environ, sys.stdout)
    made = ours(database_url) if name == "ours" else bare(database_url)
    uvicorn.run(made, host="127.0.0.1", port=int(port), log_config=None, access_log=False)
