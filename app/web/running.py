"""What the web face finds behind itself: services that are replaced as a whole when the configuration changes.

Handlers ask for them once per request. It must not know how they are made.
"""

import time
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
from app.services.views.queries import Queries, SchemaCheck, SystemOutage
from app.web.api.webhooks import HookSettings as WebhookSettings
from app.web.http.arrival import arrival
from app.web.http.auth import NOBODY, Access, Caller, Role


class AudibleWaker(Waker, Protocol):
    """A doorbell that says when it is not heard."""

    @property
    def problem(self) -> str:
        """Why rings are being dropped now; "" when they are not."""
        ...


class WebSettings(WebhookSettings, Protocol):
    """What pages tell of the settings."""

    @property
    def external_url(self) -> str: ...


class DeliveryStore(Inbox, Replays, Protocol):
    """The store of deliveries, with what can be done to one."""


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
    def feed(self) -> Feed: ...
    @property
    def access(self) -> Access: ...
    @property
    def readiness(self) -> SchemaCheck: ...


class WebProcess(Protocol):
    """The process behind the web face; `problem` is what is wrong with the configuration file as it is now, or "".

    `stalled` says which of its own loops are stalled, and why, "" if none is: it cannot store, or cannot continue.
    """

    @property
    def services(self) -> WebServices: ...
    @property
    def problem(self) -> str: ...
    @property
    def stalled(self) -> str: ...


def set_running(application: Starlette, process: WebProcess) -> None:
    """Put `process` behind the application's handlers.

    Starlette's state is untyped. All writes go through here and all reads through `running`, so that mypy compares the
    services that the process has with those that handlers call.
    """
    application.state.running = process


def running(request: Request) -> WebProcess:
    """The process behind this request."""
    found: WebProcess = request.app.state.running
    return found


def operator(request: Request) -> Operator:
    """What a person's word works with, as the configuration is now."""
    services = running(request).services
    return Operator(
        watch_commands=services.watch_commands,
        rollout_commands=services.rollout_commands,
        registries=services.registries,
        deployer=services.deployer,
        waker=services.waker,
    )


def admitted(request: Request, needs: Role) -> Caller:
    """Who calls, as the configuration is now; Rejected when they may not do what `needs` that role."""
    return running(request).services.access.admit(
        request.headers,
        needs,
        now=time.time(),
        scheme=request.url.scheme,
        arrival=arrival(request.scope, request.app.state.listening),
    )


def caller(request: Request) -> str:
    """Who calls, by the name of the token; "" when no tokens are configured."""
    return _caller(request).name


def role(request: Request) -> Role:
    """What the caller may do, as far as it is known: an unknown path is refused before anybody is asked."""
    return _caller(request).role


def limit(request: Request) -> str:
    """Why a caller without a token may only read, "" for all others."""
    return _caller(request).limit


def _caller(request: Request) -> Caller:
    found: Caller = getattr(request.state, "caller", NOBODY)
    return found


def own_outages(process: WebProcess) -> tuple[SystemOutage, ...]:
    """What this process itself finds away or wrong: Redis, the configuration file, and its own loops."""
    found = (
        ("Redis", process.services.waker.problem),
        ("configuration", process.problem),
        ("this process", process.stalled),
    )
    return tuple(SystemOutage(name=name, problem=problem, since=None) for name, problem in found if problem)
