"""Our own processes as services for the supervisor: web, workers and poller, each with its environment.

It must not read the configuration: the processes do.
"""

import asyncio
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping, Sequence

from app.local.child import Service

# -P keeps the user's current directory off the path, since it may have an `app` or `workers` of its own.
_PROGRAM = (sys.executable, "-P", "-c", "from app.cli import main; main()")


def program(*arguments: str) -> Sequence[str]:
    """The command line of `registrywatcher …` for this interpreter."""
    return (*_PROGRAM, *arguments)


def python(module: str, *arguments: str) -> Sequence[str]:
    """The command line that runs a module of ours as a program."""
    return (sys.executable, "-P", "-m", module, *arguments)


def own_processes(
    options: Sequence[str], env: Mapping[str, str], *, url: str, port: int | None = None
) -> tuple[Service, ...]:
    """Web, worker and poller; `options` go to each, `url` is the address of the web, on `port` if given."""
    listening = () if port is None else ("--port", str(port))
    return (
        Service(name="web", argv=program("web", *options, *listening), env=env, ready=answers(f"{url}/healthz")),
        Service(name="worker", argv=program("worker", *options), env=env),
        Service(name="poller", argv=program("poller", *options), env=env),
    )


def answers(url: str) -> Callable[[], Awaitable[None]]:
    """A readiness check: returns when `url` answers with 200."""

    async def wait() -> None:
        while True:
            if await asyncio.to_thread(_gives_200, url):
                return
            await asyncio.sleep(0.05)

    return wait


def _gives_200(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
