"""The demo: all processes on this machine, with a small registry and a Nomad simulator, and a commented delivery.

It pushes v1.0.0 and v1.1.0 of a sample repository, and shows the webhook, the decision and the rollout by the public
HTTP API. Then it keeps running, and prints commands to try. Each start repeats the story.
"""

import asyncio
import os
import secrets
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from app.local.child import Service
from app.local.demo_story import Story
from app.local.output import prefixed
from app.local.ports import free_port
from app.local.processes import answers, own_processes, python
from app.local.servers import choose_postgres, choose_valkey
from app.local.supervisor import supervise
from app.local.up import environment, started

_CONFIG = """\
# Written by `registrywatcher demo`; it is written again at each start.
server_listening_address = "127.0.0.1:{port}"
external_url = "http://127.0.0.1:{port}"
poll_interval = "10s"
create_database_schema = true
watched_repositories = ["sample"]

[registry_map.demo]
registry_scheme = "http"
registry_domain = "127.0.0.1:{registry}"
registry_prefix = "demo"

[repo_map.sample]
registry_name = "demo"
nomad_job_name = "sample"
nomad_task_name = "server"

[webhooks.distribution]
secret = "{secret}"
"""

_PORT = 8080
_DATABASE = "demo"


async def run_demo(*, data_dir: Path, port: int | None) -> None:
    """Run until a signal comes, and leave no process behind. Without `port`, use 8080 if it is free.

    Raises ServerFailed, with its last lines, when a part does not become ready.
    """
    home = data_dir / "demo"
    home.mkdir(parents=True, exist_ok=True)
    web = port or _preferred(_PORT)
    registry, nomad = free_port(), free_port()
    secret = secrets.token_urlsafe(16)
    config = home / "demo.toml"
    config.write_text(_CONFIG.format(port=web, registry=registry, secret=secret), encoding="utf-8")
    config.chmod(0o600)
    url = f"http://127.0.0.1:{web}"
    with ExitStack() as stack:
        postgres, valkey = await asyncio.gather(
            asyncio.to_thread(started, stack, choose_postgres(home, database_url=os.environ.get("DATABASE_URL"))),
            asyncio.to_thread(started, stack, choose_valkey(home, redis_url=os.environ.get("REDIS_URL"))),
        )
        given = os.environ.get("DATABASE_URL")
        env = {
            **environment(given or await _empty_database(postgres.url), valkey.url),
            "NOMAD_ADDR": f"http://127.0.0.1:{nomad}",
            "REGISTRYWATCHER_LOG_LEVEL": os.environ.get("REGISTRYWATCHER_LOG_LEVEL", "warning"),
        }
        services = (
            *_world(registry=registry, nomad=nomad, hook=f"{url}/webhooks/distribution", secret=secret),
            *own_processes(("--config", str(config)), env, url=url),
        )
        story = Story(web=url, registry=f"http://127.0.0.1:{registry}", nomad=f"http://127.0.0.1:{nomad}")
        show = prefixed([each.name for each in services], sys.stdout)
        await supervise(services, show=show, then=story.run)


def _world(*, registry: int, nomad: int, hook: str, secret: str) -> Sequence[Service]:
    """A registry that sends webhooks, and a Nomad whose allocations become healthy after a second."""
    notify = ("--notify", hook, "--notify-header", f"Authorization: Bearer {secret}")
    return (
        Service(
            name="registry",
            argv=python("app.simulators.registry", "--port", str(registry), *notify),
            ready=answers(f"http://127.0.0.1:{registry}/v2/"),
        ),
        Service(
            name="nomad",
            argv=python("app.simulators.nomad", "--port", str(nomad), "--start", "0.5", "--healthy", "1"),
            ready=answers(f"http://127.0.0.1:{nomad}/v1/status/leader"),
        ),
    )


async def _empty_database(server_url: str) -> str:
    """An empty database of the embedded server, since the registry and the simulator start empty as well."""
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {_DATABASE}")
    finally:
        await connection.close()
    parts = urlsplit(server_url)
    return urlunsplit(parts._replace(path=f"/{_DATABASE}"))


def _preferred(port: int) -> int:
    """`port` if no program listens there, else a free one."""
    with socket.socket() as trial:
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return free_port()
    return port
