"""A process behind the web face, in memory: what handlers ask for, with samples of everything that a page shows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.domain.decision import HoldReason
from app.domain.reference import Repository
from app.domain.rollout import Origin, OutcomeKind, RolloutState
from app.domain.watch import JobPlace, Watch
from app.services.queries import (
    Away,
    DecisionView,
    EventSummary,
    Overview,
    RolloutItem,
    RolloutSummary,
    RolloutView,
    TaskView,
    UnknownSource,
    WatchView,
)
from app.services.word import Spoken, Standing, Word
from app.web.application import build
from app.web.auth import Access, AccessToken, Role
from tests.fakes.doorbell import InProcessDoorbell
from tests.fakes.registry import MemoryRegistry, digest_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
COMMIT = "0123456789abcdef0123456789abcdef01234567"

PLACE = JobPlace(region="", namespace="default", job_id="web")
SUMMARY = RolloutSummary(
    rollout_id=UUID(int=7),
    state=RolloutState.ENDED,
    outcome=OutcomeKind.FAILED,
    reason="an allocation failed: exit code 1",
    note="",
    origin=Origin.DEPLOY,
    asked_by="ann",
    what="app v1.1.0",
    created_at=NOW - timedelta(hours=1),
    ended_at=NOW,
)
ROLLOUT = RolloutView(
    summary=SUMMARY,
    place=PLACE,
    items=(
        RolloutItem(
            watch="app",
            tag="v1.1.0",
            digest=digest_of("v1.1.0"),
            forced=True,
            words="a person asked for v1.1.0",
            from_images={"web/server": "team/app:v1.0.0"},
        ),
    ),
    changes={"web/server": f"team/app:v1.1.0@{digest_of('v1.1.0')}"},
    submitted_at=NOW,
    evaluation_id="4b8f",
    warnings="",
)
DECISION = DecisionView(
    reason=HoldReason.UP_TO_DATE,
    words="v1.1.0 runs",
    tag="v1.1.0",
    digest=digest_of("v1.1.0"),
    looks=3,
    first_at=NOW - timedelta(hours=1),
    last_at=NOW,
    rollout_id=None,
)
WATCH = WatchView(
    name="app",
    registry="main",
    repository="registry.example/team/app",
    place=PLACE,
    task="server",
    pinned_tag="",
    auto_deploy=True,
    observe_only=False,
    wanted="v1.1.0",
    wanted_digest=digest_of("v1.1.0"),
    tags=(f"branch-{COMMIT}", "v1.0.0", "v1.1.0"),
    tags_read_at=NOW,
    running=(TaskView(task="web/server", image="team/app:v1.1.0", tag="v1.1.0", digest=digest_of("v1.1.0")),),
    decision=DECISION,
    rollout=SUMMARY,
    registry_trouble=None,
    job_trouble=None,
    due=False,
)


@dataclass
class MemoryQueries:
    """Queries over what the test puts there; `trouble` is raised instead."""

    known: tuple[WatchView, ...] = (WATCH,)
    ended: tuple[RolloutView, ...] = (ROLLOUT,)
    absent: tuple[Away, ...] = ()
    unknown_sources: tuple[UnknownSource, ...] = ()
    told: tuple[EventSummary, ...] = ()
    paused: bool = False
    trouble: Exception | None = None

    async def overview(self, *, rollouts: int, events: int) -> Overview:
        self._check()
        return Overview(
            now=NOW,
            paused=self.paused,
            paused_by="ann",
            paused_at=NOW,
            watches=tuple(replace(watch, tags=()) for watch in self.known),
            rollouts=tuple(each.summary for each in self.ended[:rollouts]),
            events=self.told[:events],
            away=self.absent,
            unknown_sources=self.unknown_sources,
            unsent_notices=0,
        )

    async def watches(self) -> tuple[WatchView, ...]:
        self._check()
        return self.known

    async def watch(self, name: str) -> WatchView | None:
        self._check()
        return next((watch for watch in self.known if watch.name == name), None)

    async def rollouts(self, *, limit: int) -> tuple[RolloutSummary, ...]:
        self._check()
        return tuple(each.summary for each in self.ended[:limit])

    async def rollout(self, rollout_id: UUID) -> RolloutView | None:
        self._check()
        return next((each for each in self.ended if each.summary.rollout_id == rollout_id), None)

    async def away(self) -> tuple[Away, ...]:
        self._check()
        return self.absent

    def _check(self) -> None:
        if self.trouble is not None:
            raise self.trouble


@dataclass
class MemoryRules:
    """Rules that remember what was said; every name of `names` is a watch."""

    names: tuple[str, ...] = ("app", "team/app")
    words: list[Word] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    paused: bool = False
    trouble: Exception | None = None

    async def find(self, name: str) -> Standing | None:
        if self.trouble is not None:
            raise self.trouble
        if name not in self.names:
            return None
        repository = Repository.of("registry.example", "team/app")
        watch = Watch(name=name, registry="main", repository=repository, place=PLACE, task="server")
        return Standing(watch=watch, pinned_tag="", auto_deploy=True, running_tag=None)

    async def speak(self, word: Word) -> Spoken | None:
        self.words.append(word)
        return Spoken(target_id=1, rollout_id=UUID(int=9) if word.errand else None)

    async def check(self, name: str) -> int | None:
        self.checked.append(name)
        return 1 if name in self.names else None

    async def switch(self, *, paused: bool, by: str) -> Sequence[int] | None:
        changed, self.paused = self.paused != paused, paused
        return [1] if changed else None


def _registry() -> MemoryRegistry:
    registry = MemoryRegistry()
    for tag in ("v1.0.0", "v1.1.0", "test"):
        registry.push("team/app", tag)
    return registry


@dataclass
class Face:
    """A running process as the web sees it, services and process in one."""

    access: Access = field(default_factory=lambda: Access(loopback=True))
    queries: MemoryQueries = field(default_factory=MemoryQueries)
    rules: MemoryRules = field(default_factory=MemoryRules)
    registries: MemoryRegistry = field(default_factory=_registry)
    doorbell: InProcessDoorbell = field(default_factory=InProcessDoorbell)
    pending: tuple[str, ...] | Exception = ()
    problem: str = ""

    @property
    def services(self) -> "Face":
        return self

    async def readiness(self) -> tuple[str, ...]:
        if isinstance(self.pending, Exception):
            raise self.pending
        return self.pending

    def application(self) -> Starlette:
        """The whole web face in front of this process."""

        @asynccontextmanager
        async def lifespan(application: Starlette) -> Any:
            application.state.running = self
            yield

        return build(lifespan)

    @contextmanager
    def client(self, **headers: str) -> Iterator[TestClient]:
        """A client that calls us localhost and gets a bug's 500 as an answer, not as an exception."""
        with TestClient(
            self.application(), base_url="http://localhost:8080", headers=headers, raise_server_exceptions=False
        ) as client:
            yield client


def token(name: str, role: Role, secret: str) -> AccessToken:
    """A configured token."""
    matches: Callable[[str], bool] = secret.__eq__
    return AccessToken(name=name, role=role, matches=matches)
