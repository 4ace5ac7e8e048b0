"""What the pages and the API say of a line: the web application on the line's database, asked in its event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette

from app.adapters.postgres.views.board import PostgresBoard
from app.adapters.postgres.views.queries import PostgresQueries
from app.services.commands.rollout_commands import RolloutCommands
from app.services.commands.watch_commands import WatchCommands
from app.services.views.why import WhyStore
from app.web.application import build
from app.web.http.arrival import Listening
from app.web.http.auth import Access
from app.web.process import set_process
from tests.fakes.deployer import PlanningDeployer
from tests.fakes.inbox import MemoryInbox
from tests.fakes.registry import MemoryRegistry
from tests.fakes.waker import InProcessWaker
from tests.line import Line
from tests.web.outline import Outline
from tests.web.process import HERE, MemoryProcess, MemorySettings, WithoutOutage
from tests.web.stores import MemoryFeed


@dataclass(kw_only=True)
class LineProcess(WithoutOutage):
    """A process whose commands and views are the line's; the rest is in memory, and no test here asks it."""

    queries: PostgresQueries
    board: PostgresBoard
    watch_commands: WatchCommands
    rollout_commands: RolloutCommands
    memory: MemoryProcess = field(default_factory=MemoryProcess)
    listening: Listening = HERE

    @property
    def services(self) -> "LineProcess":
        return self

    @property
    def settings(self) -> MemorySettings:
        return self.memory.settings

    @property
    def inbox(self) -> MemoryInbox:
        return self.memory.inbox

    @property
    def registries(self) -> MemoryRegistry:
        return self.memory.registries

    @property
    def deployer(self) -> PlanningDeployer:
        return self.memory.deployer

    @property
    def waker(self) -> InProcessWaker:
        return self.memory.waker

    @property
    def why(self) -> WhyStore:
        return self.memory.why

    @property
    def feed(self) -> MemoryFeed:
        return self.memory.feed

    @property
    def access(self) -> Access:
        return self.memory.access

    async def readiness(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An open client of the pages and the API."""

    client: httpx.AsyncClient

    async def api(self, name: str = "app") -> dict[str, Any]:
        """The watch in GET /repos."""
        answer = await self.client.get("/repos")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()[name]
        return found

    async def list(self) -> str:
        """The text of the page at /."""
        return await self._text("/")

    async def page(self, name: str = "app") -> str:
        """The text of the watch's page."""
        return await self._text(f"/repos/{name}")

    async def _text(self, path: str) -> str:
        answer = await self.client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 200, answer.text
        return " ".join(Outline(answer.text).text.split())


@asynccontextmanager
async def shown(running: Line) -> AsyncIterator[Shown]:
    """The pages and the API of the line."""
    process = LineProcess(
        queries=PostgresQueries(running.database),
        board=PostgresBoard(running.database),
        watch_commands=running.operator.watch_commands,
        rollout_commands=running.operator.rollout_commands,
    )
    application = build(_no_lifespan, process.listening)
    set_process(application, process)
    transport = httpx.ASGITransport(application, client=("127.0.0.1", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8080") as client:
        yield Shown(client=client)


@asynccontextmanager
async def _no_lifespan(_application: Starlette) -> AsyncIterator[None]:
    yield
