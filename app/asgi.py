"""The web process as an ASGI application: its routes, its background tasks, and the server. Nothing else."""

import asyncio
import select
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from types import FrameType
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette

from app.bootstrap import App, open_app
from app.bootstrap.listening import listening, open_sockets
from app.services.processes.loops import Loop
from app.services.processes.presence import ProcessKind
from app.services.wakeup.schedule import sweep_forever
from app.settings import Settings
from app.web.api.live import Streams
from app.web.application import build
from app.web.http.arrival import Listening
from app.web.process import set_process

log = structlog.get_logger()

GRACE_SECONDS = 5
_ACCEPT_SECONDS = 1
_READ_SECONDS = 0.1
_READ_TURNS = 10  # for who has connected and not asked yet
_DID_NOT_START = 3  # uvicorn's own


def create_app(settings: Settings, *, running: App | None = None, bound: Listening | None = None) -> Starlette:
    """The web application of `settings`; it serves during an outage of Postgres, Redis, registries or Nomad.

    `running` is a process that the caller opened, and closes. `bound` are the addresses of the server's sockets:
    without them nobody may change anything without a token. The server must not take callers' addresses from headers.
    """

    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        async with nullcontext(running) if running else open_app(settings, kind=ProcessKind.WEB) as process:
            set_process(application, process)
            services = process.services
            sweeper = asyncio.create_task(
                sweep_forever(services.schedule, services.waker, loop=process.loops.add(Loop("sweep")))
            )
            try:
                yield
            finally:
                sweeper.cancel()
                with suppress(asyncio.CancelledError):
                    await sweeper

    return build(lifespan, bound or Listening())


class Server(uvicorn.Server):
    """uvicorn, which waits for all answers before it ends, so that streams must be stopped first.

    A stop that a signal asked for is a success, and the process ends with status 0.
    """

    def __init__(self, application: Starlette, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._application = application

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order; a second Ctrl-C stops at once. uvicorn's own would raise the signal again at the end."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop the streams, then everything else. Who has connected is answered, who comes later is refused.

        uvicorn would close the sockets first: that resets whoever waits in them, and whose request is not read yet.
        """
        await _accept_who_waits(sockets or [])
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        for connection in list(filter(_is_answered, self.server_state.connections)):
            connection.shutdown()  # closes it after the answer: a stream that ends must not be followed by a request
        streams: Streams = self._application.state.streams
        streams.stop()
        for _ in range(_READ_TURNS):
            await asyncio.sleep(_READ_SECONDS)
            if not any(map(_is_new, self.server_state.connections)):
                break
        await super().shutdown(sockets)


def _is_new(connection: Any) -> bool:
    """Whether no request came on it yet; its caller may be about to send one."""
    return connection.cycle is None


def _is_answered(connection: Any) -> bool:
    """Whether a request is being answered on it."""
    return connection.cycle is not None and not connection.cycle.response_complete


async def _accept_who_waits(sockets: Sequence[socket.socket]) -> None:
    """Return, without another turn of the event loop, when nobody waits in the sockets; after a second at most.

    uvloop accepts one caller per turn. asyncio accepts all of them, and needs another turn to take them on.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _ACCEPT_SECONDS
    calm = 0
    while loop.time() < deadline:
        waiting, _, _ = select.select(sockets, [], [], 0)
        calm = 0 if waiting else calm + 1
        if calm > 1:
            return
        await asyncio.sleep(0)


def serve(settings: Settings) -> None:
    """Serve the web until a signal comes. Raises Permanent when it cannot listen on its address."""
    sockets = open_sockets(settings.host, settings.port)
    bound = listening(sockets)
    log.info("web.started", addresses=bound.addresses, port=sockets[0].getsockname()[1])
    application = create_app(settings, bound=bound)
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the caller is the other end of the connection, not the address in a header
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = Server(application, config)
    server.run(sockets)
    if not server.started:
        sys.exit(_DID_NOT_START)
