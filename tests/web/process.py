"""A process in memory for the web application: the services of handlers, with a sample of each value on the pages."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.adapters.postgres.views.mailbox import Mailbox
from app.domain.decision import HoldReason
from app.domain.job import DeploymentPhase, DeploymentState, JobState, RunningTask, TaskKey
from app.domain.reference import Reference, Repository
from app.domain.rollout import Origin, OutcomeKind, RolloutState
from app.domain.watch import JobPlace, Watch
from app.services.commands.rollout_commands import (
    Destination,
    RevertibleItem,
    RevertibleRollout,
    RollbackRequested,
    Underway,
)
from app.services.commands.watch_commands import Command, CommandResult, CurrentRule, KnownRequest, Released
from app.services.rollout.rollouts import CanaryCommand
from app.services.views.feed import Change
from app.services.views.queries import (
    DecisionView,
    RolloutItem,
    RolloutSummary,
    RolloutView,
    SystemOutage,
    TaskView,
    WatchView,
)
from app.settings.secret import Secret
from app.settings.values import WebhookSource
from app.web.application import build
from app.web.http.arrival import Listening
from app.web.http.auth import Access, AccessToken, Role
from app.web.process import set_process
from tests.fakes.board import MemoryBoard
from tests.fakes.deployer import PlanningDeployer
from tests.fakes.inbox import MemoryInbox
from tests.fakes.registry import MemoryRegistry, digest_of
from tests.fakes.waker import InProcessDoorbell

HERE = Listening(addresses=("127.0.0.1",))
WIDER = Listening(addresses=("0.0.0.0",))

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
    requested_by="ann",
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
            message="a person asked for v1.1.0",
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
    message="v1.1.0 runs",
    tag="v1.1.0",
    digest=digest_of("v1.1.0"),
    reconciles=3,
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
    desired="v1.1.0",
    desired_digest=digest_of("v1.1.0"),
    tags=(f"branch-{COMMIT}", "v1.0.0", "v1.1.0"),
    tags_read_at=NOW,
    running=(TaskView(task="web/server", image="team/app:v1.1.0", tag="v1.1.0", digest=digest_of("v1.1.0")),),
    decision=DECISION,
    rollout=SUMMARY,
    registry_outage=None,
    job_outage=None,
    due=False,
)


@dataclass
class MemoryQueries:
    """Queries over the test's values; `outage` is raised instead."""

    known: tuple[WatchView, ...] = (WATCH,)
    ended: tuple[RolloutView, ...] = (ROLLOUT,)
    absent: tuple[SystemOutage, ...] = ()
    outage: Exception | None = None

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

    async def outages(self) -> tuple[SystemOutage, ...]:
        self._check()
        return self.absent

    def _check(self) -> None:
        if self.outage is not None:
            raise self.outage


def _watch(name: str) -> Watch:
    repository = Repository.of("registry.example", "team/app")
    return Watch(name=name, registry="main", repository=repository, place=PLACE, task="server")


@dataclass
class MemoryRules:
    """Rules that record the commands; each name in `names` is a watch in its own job."""

    names: tuple[str, ...] = ("app", "team/app")
    commands: list[Command] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    released: Released = field(default_factory=lambda: Released(state="v1.1.0 runs"))
    paused: bool = False
    outage: Exception | None = None

    async def find(self, name: str) -> CurrentRule | None:
        if self.outage is not None:
            raise self.outage
        if name not in self.names:
            return None
        stored = [command for command in self.commands if command.watch == name]
        return CurrentRule(
            watch=_watch(name),
            pinned_tag=next((command.pinned_tag for command in reversed(stored) if command.pinned_tag is not None), ""),
            auto_deploy=next(
                (command.auto_deploy for command in reversed(stored) if command.auto_deploy is not None), True
            ),
            running_tag=None,
        )

    async def execute(self, command: Command) -> CommandResult | None:
        if command.watch not in self.names:
            return None
        if command.idempotency_key is not None and (known := await self.asked(command.watch, command.idempotency_key)):
            return CommandResult(target_id=1, rollout_id=command.idempotency_key, taken=not known.here)
        self.commands.append(command)
        return CommandResult(
            target_id=1, rollout_id=(command.idempotency_key or UUID(int=9)) if command.deploy_request else None
        )

    async def asked(self, name: str, idempotency_key: UUID) -> KnownRequest | None:
        for command in self.commands:
            if command.idempotency_key == idempotency_key and command.deploy_request is not None:
                tag, here = command.deploy_request.tag, command.watch == name
                return KnownRequest(
                    rollout_id=idempotency_key, here=here, what=f"{command.watch} {tag}", tag=tag if here else ""
                )
        return None

    async def check(self, name: str, *, by: str) -> int | None:
        self.checked.append(name)
        return 1 if name in self.names else None

    async def release(self, name: str, *, by: str) -> Released | None:
        if self.outage is not None:
            raise self.outage
        return self.released if name in self.names else None

    async def switch(self, *, paused: bool, by: str) -> Sequence[int] | None:
        changed, self.paused = self.paused != paused, paused
        return [1] if changed else None


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
PAST = RevertibleRollout(
    rollout_id=SUMMARY.rollout_id,
    target_id=1,
    what="app v1.1.0",
    registered=True,
    outcome=OutcomeKind.SUCCEEDED,
    newest=SUMMARY.rollout_id,
    undone_by_rollout=None,
    undoing="",
    brought=(
        RevertibleItem(
            name="app",
            watch=_watch("app"),
            tag="v1.1.0",
            digest=digest_of("v1.1.0"),
            from_tag="v1.0.0",
            from_digest=digest_of("v1.0.0"),
            running=digest_of("v1.1.0"),
        ),
    ),
)


@dataclass
class MemorySteering:
    """Rollout commands for the rollouts in `ids`, recorded; by default that of SUMMARY."""

    ids: frozenset[UUID] = frozenset({SUMMARY.rollout_id})
    found: Underway | None = UNDERWAY
    known: RevertibleRollout | None = PAST
    canary_commands: list[tuple[CanaryCommand, str]] = field(default_factory=list)
    rollbacks: list[tuple[Destination, ...]] = field(default_factory=list)
    keys: list[UUID | None] = field(default_factory=list)
    superseded: bool = False
    outage: Exception | None = None

    async def underway(self, rollout_id: UUID) -> Underway | None:
        if self.outage is not None:
            raise self.outage
        return self.found if rollout_id in self.ids else None

    async def canary_command(self, rollout_id: UUID, canary_command: CanaryCommand, *, by: str) -> bool:
        self.canary_commands.append((canary_command, by))
        return not self.superseded

    async def past(self, rollout_id: UUID) -> RevertibleRollout | None:
        if self.outage is not None:
            raise self.outage
        return self.known if rollout_id in self.ids else None

    async def asked(self, rollout_id: UUID, idempotency_key: UUID) -> KnownRequest | None:
        if idempotency_key not in self.keys:
            return None
        return KnownRequest(
            rollout_id=idempotency_key, here=True, what=", ".join(each.what for each in self.rollbacks[-1])
        )

    async def roll_back(
        self,
        past: RevertibleRollout,
        destinations: Sequence[Destination],
        *,
        by: str,
        idempotency_key: UUID | None = None,
    ) -> RollbackRequested | None:
        if idempotency_key is not None and idempotency_key in self.keys:
            return RollbackRequested(rollout_id=idempotency_key)
        self.rollbacks.append(tuple(destinations))
        self.keys.append(idempotency_key)
        return (
            None
            if self.superseded
            else RollbackRequested(rollout_id=idempotency_key or UUID(int=8), notification_delivery_ids=(5,))
        )


def _job() -> JobState:
    image = "registry.example/team/app:v1.0.0"
    server = RunningTask(key=TaskKey(group="web", task="server"), image=image, reference=Reference.parse(image))
    return JobState(index=7, create_index=1, version=2, submitted_at=0.0, tasks=(server,))


def _registry() -> MemoryRegistry:
    registry = MemoryRegistry()
    for tag in ("v1.0.0", "v1.1.0", "test"):
        registry.push("team/app", tag)
    return registry


@dataclass
class MemoryFeed:
    """A feed of the test's changes, to all streams or into one mailbox; `problem` is returned unchanged."""

    problem: str = ""
    mailboxes: list[Mailbox] = field(default_factory=list)

    def put(self, change: Change) -> None:
        for mailbox in self.mailboxes:
            mailbox.put(change)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[Change]]:
        mailbox = Mailbox()
        self.mailboxes.append(mailbox)
        if not self.problem:
            mailbox.put(Change(everything=True))
        try:
            yield mailbox
        finally:
            self.mailboxes.remove(mailbox)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySettings:
    """The settings that pages and webhooks read."""

    webhook_sources: Mapping[str, WebhookSource] = field(default_factory=dict)
    max_body_bytes: int = 1 << 20
    external_url: str = ""


@dataclass
class MemoryProcess:
    """A process for the web application, its own services at the same time."""

    access: Access = field(default_factory=Access)
    listening: Listening = HERE
    queries: MemoryQueries = field(default_factory=MemoryQueries)
    board: MemoryBoard = field(default_factory=lambda: MemoryBoard(known=(WATCH,)))
    feed: MemoryFeed = field(default_factory=MemoryFeed)
    inbox: MemoryInbox = field(default_factory=MemoryInbox)
    settings: MemorySettings = field(default_factory=MemorySettings)
    rules: MemoryRules = field(default_factory=MemoryRules)
    steering: MemorySteering = field(default_factory=MemorySteering)
    registries: MemoryRegistry = field(default_factory=_registry)
    deployer: PlanningDeployer = field(default_factory=lambda: PlanningDeployer(job=_job()))
    waker: InProcessDoorbell = field(default_factory=InProcessDoorbell)
    pending: tuple[str, ...] | Exception = ()
    problem: str = ""
    standing: str = ""

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
