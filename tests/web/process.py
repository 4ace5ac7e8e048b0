"""A process in memory for the web application: settings, services and clients."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.domain.job import JobState, SpecifiedTask, TaskKey
from app.domain.reference import Reference
from app.settings.secret import Secret
from app.settings.values import WebhookSource
from app.web.application import build
from app.web.http.arrival import Listening
from app.web.http.auth import Access, AccessToken, Role
from app.web.process import set_process
from tests.fakes.board import MemoryBoard
from tests.fakes.deployer import PlanningDeployer
from tests.fakes.inbox import MemoryInbox
from tests.fakes.registry import MemoryRegistry
from tests.fakes.waker import InProcessWaker
from tests.web.stores import MemoryFeed, MemoryQueries, MemoryRolloutCommands, MemoryWatchCommands, MemoryWhy
from tests.web.values import WATCH

HERE = Listening(addresses=("127.0.0.1",))


WIDER = Listening(addresses=("0.0.0.0",))


def _job() -> JobState:
    image = "registry.example/team/app:v1.0.0"
    server = SpecifiedTask(key=TaskKey(group="web", task="server"), image=image, reference=Reference.parse(image))
    return JobState(index=7, create_index=1, version=2, submitted_at=0.0, tasks=(server,))


def _registry() -> MemoryRegistry:
    registry = MemoryRegistry()
    for tag in ("v1.0.0", "v1.1.0", "test"):
        registry.push("team/app", tag)
    return registry


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySettings:
    """The settings that pages and webhooks read."""

    webhook_sources: Mapping[str, WebhookSource] = field(default_factory=dict)
    max_body_bytes: int = 1 << 20
    external_url: str = ""
    nomad_ui: str = ""


@dataclass(kw_only=True)
class WithoutOutage:
    """What a process says of itself while nothing is wrong with it."""

    problem: str = ""
    stalled: str = ""
    store_problem: str = ""
    store_silent_for: float = 0.0
    redis_problem: str = ""
    explaining: frozenset[str] = frozenset()
    stored_outages: frozenset[str] = frozenset()


@dataclass(kw_only=True)
class MemoryProcess(WithoutOutage):
    """A process for the web application, its own services at the same time."""

    access: Access = field(default_factory=Access)
    listening: Listening = HERE
    queries: MemoryQueries = field(default_factory=MemoryQueries)
    board: MemoryBoard = field(default_factory=lambda: MemoryBoard(known=(WATCH,)))
    why: MemoryWhy = field(default_factory=MemoryWhy)
    feed: MemoryFeed = field(default_factory=MemoryFeed)
    inbox: MemoryInbox = field(default_factory=MemoryInbox)
    settings: MemorySettings = field(default_factory=MemorySettings)
    watch_commands: MemoryWatchCommands = field(default_factory=MemoryWatchCommands)
    rollout_commands: MemoryRolloutCommands = field(default_factory=MemoryRolloutCommands)
    registries: MemoryRegistry = field(default_factory=_registry)
    deployer: PlanningDeployer = field(default_factory=lambda: PlanningDeployer(job=_job()))
    waker: InProcessWaker = field(default_factory=InProcessWaker)
    pending: tuple[str, ...] | Exception = ()

    @property
    def services(self) -> "MemoryProcess":
        return self

    async def readiness(self) -> tuple[str, ...]:
        if isinstance(self.pending, Exception):
            raise self.pending
        return self.pending

    def application(self) -> Starlette:
        """The whole web application in front of this process."""

        @asynccontextmanager
        async def lifespan(application: Starlette) -> AsyncIterator[None]:
            set_process(application, self)
            yield

        return build(lifespan, self.listening)

    @contextmanager
    def client(self, *, peer: str = "127.0.0.1", **headers: str) -> Iterator[TestClient]:
        """A client on this machine that uses the name localhost; a bug is a 500 response to it, not an exception."""
        with TestClient(
            self.application(),
            base_url="http://localhost:8080",
            headers=headers,
            raise_server_exceptions=False,
            client=(peer, 50_000),
        ) as client:
            yield client


def token(name: str, role: Role, secret: str) -> AccessToken:
    """A configured token."""
    kept = Secret(secret)
    return AccessToken(name=name, role=role, matches=kept.matches, sign=kept.sign)
