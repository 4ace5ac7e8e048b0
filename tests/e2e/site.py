"""One installation: web, workers and pollers with real Postgres and Redis, and a Nomad simulator.

The simulator runs in a thread of this process; its ledger is the oracle. The test chooses the registry.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app.simulators.nomad import Simulator, create_simulator_app, sample_job
from tests.processes import Processes, environment, until
from tests.servers.files import replace
from tests.servers.http import serve
from tests.servers.no_tls import NO_TLS
from tests.servers.ports import free_port

SECRET = "e2e-secret"
PREFIX = "team"
SLOW_START = 90.0  # seconds: three interpreters start on a busy machine


@dataclass(kw_only=True)
class Site(Processes):
    """Our processes and their servers; each of `names` has a repository PREFIX/NAME and a job NAME."""

    nomad: Simulator
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """The address of the web process, before and after a restart."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def hook(self) -> str:
        return f"{self.url}/webhooks/distribution"

    def api(self, **options: Any) -> httpx.AsyncClient:
        """A client of our API."""
        return httpx.AsyncClient(verify=NO_TLS, base_url=self.url, trust_env=False, timeout=20, **options)

    def configure(
        self, names: Sequence[str], *, host: str, scheme: str = "http", head: str = "", registry: str = "",
        secret: str = f'secret = "{SECRET}"',
    ) -> None:  # fmt: skip
        """Write the configuration; `head` and `registry` are further lines of TOML, `secret` those of the webhook."""
        watches = "".join(
            f'[repo_map.{name}]\nregistry_name = "main"\nnomad_job_name = "{name}"\nnomad_task_name = "server"\n'
            for name in names
        )
        replace(
            self.config,
            f'server_listening_address = "127.0.0.1:8080"\nwatched_repositories = {list(names)!r}\n{head}\n'
            f'[registry_map.main]\nregistry_scheme = "{scheme}"\nregistry_domain = "{host}"\n'
            f'registry_prefix = "{PREFIX}"\n{registry}\n[webhooks.distribution]\n{secret}\n{watches}',
        )

    async def run(self, *kinds: str) -> None:
        """Start one process of each kind, and wait until the web is ready."""
        for kind in kinds:
            self.start(kind, port=self.port if kind == "web" else None)
        await self.ready()

    async def ready(self) -> None:
        """Wait until the web process is ready and has stored its configuration in Postgres."""
        async with self.api() as api:
            await until(lambda: _is_ready(api), "the web is ready", within=SLOW_START)

    def run_job(self, name: str, image: str) -> None:
        """Register a job, as if a person had done it long ago."""
        self.nomad.seed(sample_job(name, image))

    def registered(self, job: str, *, since: int = 0) -> list[str]:
        """The images of our registrations of a job with one task, in order."""
        return [image for entry in self.nomad.ledger.entries(job=job, since=since) for image in entry.images.values()]

    async def registers(self, job: str, image: str, *, within: float = SLOW_START) -> None:
        """Wait until the last registration of the job is this image."""

        def registrations() -> str:
            return f"{job} registers {image}; it has {self.registered(job)[-3:]}"

        await until(lambda: self.registered(job)[-1:] == [image], registrations, within=within)

    async def holds(self, api: httpx.AsyncClient, name: str, reason: str, *, within: float = SLOW_START) -> None:
        """Wait until the watch's last decision has this reason, and no rollout is running."""
        shown: dict[str, Any] = {}

        async def does() -> bool:
            shown.update(await watch(api, name))
            rollout = shown["rollout"]
            idle = rollout is None or rollout["ended_at"] is not None
            return idle and (shown["decision"] or {}).get("reason") == reason

        await until(does, lambda: f"{name} holds: {reason}; it says {shown.get('decision')}", within=within)


@contextmanager
def site(directory: Path, *, database_url: str, redis_url: str, **variables: str) -> Iterator[Site]:
    """An installation without configuration, registry and processes; everything is stopped on exit."""
    nomad = Simulator()
    with ExitStack() as servers:
        nomad_url = servers.enter_context(serve(create_simulator_app(nomad)))
        env = environment(DATABASE_URL=database_url, REDIS_URL=redis_url, NOMAD_ADDR=nomad_url, **variables)
        made = Site(directory=directory, env=env, nomad=nomad)
        yield servers.enter_context(made.ending())


async def watch(api: httpx.AsyncClient, name: str) -> dict[str, Any]:
    """The watch in GET /repos."""
    answer = await api.get("/repos")
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()[name]
    return found


async def change(api: httpx.AsyncClient, name: str, **rule: object) -> Mapping[str, Any]:
    """POST /tags/NAME; the answer, which must be 200."""
    answer = await api.post(f"/tags/{name}", json=rule)
    assert answer.status_code == 200, answer.text
    registrations: Mapping[str, Any] = answer.json()
    return registrations


async def _is_ready(api: httpx.AsyncClient) -> bool:
    try:
        answer = await api.get("/readyz")
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and "configuration" not in [each["name"] for each in answer.json()["outages"]]
