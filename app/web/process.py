"""The process that serves the web interface, as handlers use it.

Its services are replaced as a whole when the configuration changes, so a handler reads them once per request. This
module does not know how they are made.
"""

import time
from collections.abc import Iterable
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request

from app.ports import Deployer, RegistrySource, Waker
from app.services.commands.rollout_commands import RolloutCommands
from app.services.commands.watch_commands import WatchCommands
from app.services.commands.watches import Operator
from app.services.ingest.receive import Inbox
from app.services.ingest.replay import Replays
from app.services.views.board import Board
from app.services.views.feed import Feed
from app.services.views.queries import Queries, SchemaCheck, SystemOutage, unexplained
from app.services.views.why import WhyStore
from app.web.api.webhooks import HookSettings as WebhookSettings
from app.web.http.arrival import arrival
from app.web.http.auth import NOBODY, Access, Caller, Role

OWN_LOOPS = "this process"  # the part that own loops are, in the list of outages


class AudibleWaker(Waker, Protocol):
    """A waker that reports when its wakes do not arrive."""

    @property
    def problem(self) -> str:
        """Why wakes are lost now; "" when they arrive."""
        ...


class WebSettings(WebhookSettings, Protocol):
    """The settings that pages show."""

    @property
    def external_url(self) -> str: ...
    @property
    def nomad_ui(self) -> str: ...


class DeliveryStore(Inbox, Replays, Protocol):
    """The store of deliveries, with the commands on one delivery."""


class WebServices(Protocol):
    """The services that handlers call."""

    @property
    def settings(self) -> WebSettings: ...
    @property
    def inbox(self) -> DeliveryStore: ...
    @property
    def registries(self) -> RegistrySource: ...
    @property
    def deployer(self) -> Deployer: ...
    @property
    def waker(self) -> AudibleWaker: ...
    @property
    def watch_commands(self) -> WatchCommands: ...
    @property
    def rollout_commands(self) -> RolloutCommands: ...
    @property
    def queries(self) -> Queries: ...
    @property
    def board(self) -> Board: ...
    @property
    def why(self) -> WhyStore: ...
    @property
    def feed(self) -> Feed: ...
    @property
    def access(self) -> Access: ...
    @property
    def readiness(self) -> SchemaCheck: ...


class WebProcess(Protocol):
    """The process. `problem` is the fault in the current configuration file, "" without one.

    `stalled` names its own loops that make no progress, with the cause; "" when all do. Such a process cannot store,
    or cannot continue. `store_problem` and `redis_problem` say why Postgres and Redis do not answer, "" when they do;
    Postgres answered last `store_silent_for` seconds ago. `explaining` are the parts whose outage, now or a moment ago,
    explains work that does not move; `stored_outages` the names of the outages that are stored.
    """

    @property
    def services(self) -> WebServices: ...
    @property
    def problem(self) -> str: ...
    @property
    def stalled(self) -> str: ...
    @property
    def store_problem(self) -> str: ...
    @property
    def store_silent_for(self) -> float: ...
    @property
    def redis_problem(self) -> str: ...
    @property
    def explaining(self) -> frozenset[str]: ...
    @property
    def stored_outages(self) -> frozenset[str]: ...


def set_process(application: Starlette, process: WebProcess) -> None:
    """Give the application its process.

    Starlette's state is untyped. All writes go through here and all reads through `process_of`, so that mypy
    compares the services of the process with those that handlers call.
    """
    application.state.process = process


def process_of(request: Request) -> WebProcess:
    """The process that serves this request."""
    found: WebProcess = request.app.state.process
    return found


def operator(request: Request) -> Operator:
    """The services that carry out commands, by the current configuration."""
    services = process_of(request).services
    return Operator(
        watch_commands=services.watch_commands,
        rollout_commands=services.rollout_commands,
        registries=services.registries,
        deployer=services.deployer,
        waker=services.waker,
    )


def admitted(request: Request, needs: Role) -> Caller:
    """The caller, by the current configuration; Rejected when the caller lacks the role that `needs` names."""
    return process_of(request).services.access.admit(
        request.headers,
        needs,
        now=time.time(),
        scheme=request.url.scheme,
        arrival=arrival(request.scope, request.app.state.listening),
    )


def caller(request: Request) -> str:
    """The name of the caller's token; "" when no tokens are configured."""
    return _caller(request).name


def role(request: Request) -> Role:
    """The caller's role; ANYBODY where it is not checked yet: an unknown path is refused before that."""
    return _caller(request).role


def limit(request: Request) -> str:
    """Why a caller without a token may only read; "" for all others."""
    return _caller(request).limit


def _caller(request: Request) -> Caller:
    found: Caller = getattr(request.state, "caller", NOBODY)
    return found


def all_outages(process: WebProcess, stored: Iterable[SystemOutage]) -> tuple[SystemOutage, ...]:
    """The outages that this process finds by itself, and the stored ones that these do not explain."""
    return (*own_outages(process), *unexplained(stored, process.explaining))


def own_outages(process: WebProcess) -> tuple[SystemOutage, ...]:
    """The outages that this process finds by itself: Redis, the configuration file, and its own loops."""
    found = (
        ("Redis", process.redis_problem or process.services.waker.problem),
        ("configuration", process.problem),
        (OWN_LOOPS, process.stalled),
    )
    return tuple(SystemOutage(name=name, problem=problem, since=None) for name, problem in found if problem)
