"""The web face put together: routes, answers to errors, headers, compression. Its life around requests is given."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Lifespan

from app.errors import RegistryWatcherError
from app.web.api.live import Streams
from app.web.http import answers
from app.web.http.arrival import Listening
from app.web.http.assets import Assets
from app.web.http.headers import SafeHeaders
from app.web.http.scheme import BrowserScheme
from app.web.pages.login import FailedLogins
from app.web.render.pages import Pages
from app.web.routes import routes


def build(lifespan: Lifespan[Starlette], listening: Listening) -> Starlette:
    """The application; `lifespan` must call `set_running` before the first request.

    `listening` is what its sockets are bound to, for as long as it lives: no configuration read later changes that.
    Whoever serves it calls `state.streams.stop` before it waits for answers to end: streams never do.
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
            RegistryWatcherError: answers.refuse_error,
            HTTPException: answers.refuse_http,
            Exception: answers.refuse_bug,
        },
    )
    application.state.listening = listening
    application.state.pages = Pages(assets)
    application.state.streams = Streams()
    application.state.doubts = FailedLogins()
    return application
