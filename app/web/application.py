"""The web application: routes, error responses, headers and compression. Its lifespan is a parameter."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Lifespan

from app.errors import RegistryWatcherError
from app.web.api.live import Streams
from app.web.http import responses
from app.web.http.arrival import Listening
from app.web.http.assets import Assets
from app.web.http.headers import SafeHeaders
from app.web.http.scheme import BrowserScheme
from app.web.pages.login import FailedLogins
from app.web.render.pages import Pages
from app.web.routes import routes


def build(lifespan: Lifespan[Starlette], listening: Listening) -> Starlette:
    """The application; `lifespan` must call `set_process` before the first request.

    `listening` holds the addresses of its sockets for its whole life: no configuration that is read later changes them.
    The server must call `state.streams.stop` before it waits for responses to end: streams do not end by themselves.
    """
    assets = Assets()
    application = Starlette(
        routes=routes(assets),
        lifespan=lifespan,
        middleware=[
            Middleware(BrowserScheme),
            Middleware(SafeHeaders),
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5),
        ],
        exception_handlers={
            RegistryWatcherError: responses.refuse_error,
            HTTPException: responses.refuse_http,
            Exception: responses.refuse_bug,
        },
    )
    application.state.listening = listening
    application.state.pages = Pages(assets)
    application.state.streams = Streams()
    application.state.failed_logins = FailedLogins()
    return application
