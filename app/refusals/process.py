"""A process behind the API with one watch and one rollout: enough for requests that are refused.

Each part answers with a given value. Nothing is stored, since a refused request changes nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx

from app.domain.deployment import DeploymentPhase, DeploymentState
from app.domain.job import JobState
from app.domain.reference import Repository
from app.domain.rollout import Origin, OutcomeKind
from app.domain.watch import JobPlace, Watch
from app.errors import TagNotFound
from app.ports import Manifest
from app.services.commands.rollout_commands import Destination, RevertibleItem, RevertibleRollout, Underway
from app.services.commands.watch_commands import CurrentRule, KnownRequest, Released
from app.services.views.queries import WatchView
from app.settings.secret import Secret
from app.web.application import build
from app.web.http.arrival import Listening
from app.web.http.auth import Access, AccessToken, Role

ROLLOUT = UUID(int=7)
LOOPBACK = Listening(addresses=("127.0.0.1",))
EVERYWHERE = Listening(addresses=("0.0.0.0",))
TAGS: Mapping[str, str] = {tag: f"sha256:{number * 64}" for tag, number in (("v1.0.0", "1"), ("v1.1.0", "2"))}
PLACE = JobPlace(region="", namespace="default", job_id="web")
WATCH = Watch(
    name="app",
    registry="main",
    repository=Repository.of("registry.example", "team/app"),
    place=PLACE,
    task="server",
)
VIEW = WatchView(
    name="app",
    registry="main",
    repository="registry.example/team/app",
    place=PLACE,
    task="server",
    pinned_tag="",
    auto_deploy=True,
    observe_only=False,
    desired="v1.1.0",
    desired_digest=TAGS["v1.1.0"],
    tags=tuple(TAGS),
    tags_read_at=datetime(2026, 1, 1, tzinfo=UTC),
    specified=(),
    running=(),
    allocation_count=None,
    decision=None,
    rollout=None,
    registry_outage=None,
    job_outage=None,
    due=False,
)
DEPLOYMENT = DeploymentState(
    deployment_id="d1",
    phase=DeploymentPhase.ACTIVE,
    description="Deployment is running but requires manual promotion",
    desired=2,
    placed=1,
    healthy=1,
    unhealthy=0,
    canaries=1,
    awaits_promotion=True,
)
UNDERWAY = Underway(what="app v1.1.0", registered=True, outcome=None, deployment=DEPLOYMENT, canary_command=None)
DEPLOYED = RevertibleItem(
    name="app",
    watch=WATCH,
    tag="v1.1.0",
    digest=TAGS["v1.1.0"],
    from_tag="v1.0.0",
    from_digest=TAGS["v1.0.0"],
    running=TAGS["v1.1.0"],
)
PAST = RevertibleRollout(
    rollout_id=ROLLOUT,
    target_id=1,
    what="app v1.1.0",
    origin=Origin.RULE,
    registered=True,
    outcome=OutcomeKind.SUCCEEDED,
    newest=ROLLOUT,
    undone_by_rollout=None,
    undone_by_us=False,
    undoing="",
    items=(DEPLOYED,),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWatch:
    """Queries with `view` as the only watch, and no rollout."""

    view: WatchView = VIEW

    async def watch(self, name: str) -> WatchView | None:
        return self.view if name == self.view.name else None

    async def rollout(self, rollout_id: UUID) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingHeld:
    """Commands for the watch, of which nothing is held. `requested` is the command under every idempotency key."""

    requested: KnownRequest | None = None

    async def find(self, name: str) -> CurrentRule | None:
        known = name == WATCH.name
        return CurrentRule(watch=WATCH, pinned_tag="", auto_deploy=True, specified_tag=None) if known else None

    async def known_request(self, name: str, idempotency_key: UUID) -> KnownRequest | None:
        return self.requested

    async def release(self, name: str, *, by: str, reason: str = "") -> Released:
        return Released(state="v1.1.0 runs")


@dataclass(frozen=True, slots=True, kw_only=True)
class OneRollout:
    """One rollout: `found` while under way, `known` after its end. A rollback always comes too late."""

    found: Underway = UNDERWAY
    known: RevertibleRollout = PAST

    async def underway(self, rollout_id: UUID) -> Underway:
        return self.found

    async def revertible(self, rollout_id: UUID) -> RevertibleRollout:
        return self.known

    async def known_request(self, rollout_id: UUID, idempotency_key: UUID) -> None:
        return None

    async def roll_back(
        self,
        revertible: RevertibleRollout,
        destinations: Sequence[Destination],
        *,
        by: str,
        reason: str = "",
        idempotency_key: UUID | None = None,
    ) -> None:
        return None


class TwoTags:
    """A registry with TAGS."""

    async def tags(self, registry: str, repository: Repository) -> tuple[str, ...]:
        return tuple(TAGS)

    async def manifest(
        self, registry: str, repository: Repository, reference: str, *, known: str | None = None
    ) -> Manifest:
        digest = reference if reference in TAGS.values() else TAGS.get(reference)
        if digest is None:
            raise TagNotFound(f"no tag {reference}")
        return Manifest(digest=digest, media_type="", is_index=False)

    async def children(self, registry: str, repository: Repository, digest: str) -> frozenset[str]:
        return frozenset()


class NoJob:
    """A Nomad without the job."""

    async def inspect(self, place: JobPlace) -> JobState | None:
        return None


class NobodyWoken:
    """Wakes nobody."""

    problem = ""

    def wake(self, actor: str, key: str, *, delay: float = 0.0) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSettings:
    """The settings that handlers read."""

    webhook_sources: Mapping[str, Any] = field(default_factory=dict)
    max_body_bytes: int = 1 << 20
    external_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleProcess:
    """The process and its services in one."""

    access: Access = field(default_factory=Access)
    listening: Listening = LOOPBACK
    settings: SampleSettings = field(default_factory=SampleSettings)
    queries: OneWatch = field(default_factory=OneWatch)
    watch_commands: NothingHeld = field(default_factory=NothingHeld)
    rollout_commands: OneRollout = field(default_factory=OneRollout)
    registries: TwoTags = field(default_factory=TwoTags)
    deployer: NoJob = field(default_factory=NoJob)
    waker: NobodyWoken = field(default_factory=NobodyWoken)

    @property
    def services(self) -> "SampleProcess":
        return self

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> httpx.Response:
        """The answer to one request from this machine."""
        application = build(lambda _: _no_life(), self.listening)
        application.state.process = self
        transport = httpx.ASGITransport(app=application, client=("127.0.0.1", 50_000))

        async def request() -> httpx.Response:
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8080") as client:
                return await client.request(method, path, content=body, headers=headers)

        return asyncio.run(request())


def _no_life() -> Any:
    raise AssertionError("requests are sent without starting the application")


def token(name: str, role: Role, secret: str) -> AccessToken:
    """A configured token."""
    kept = Secret(secret)
    return AccessToken(name=name, role=role, matches=kept.matches, sign=kept.sign)
