"""Our real processes with real Postgres and Redis, a registry and a Nomad: the fault suite kills parts of it.

The registry and the simulator run in threads of this process. Tests call them as objects; their ledgers are the oracle.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.simulators.nomad import Simulator, create_simulator_app, sample_job
from app.simulators.registry import LocalRegistry, create_registry_app
from tests.processes import Process, Processes, environment, until
from tests.servers.http import serve
from tests.servers.overlaps import Overlaps

__all__ = ["SECRET", "Cluster", "Process", "cluster", "until"]

SECRET = "fault-suite"


@dataclass(kw_only=True)
class Cluster(Processes):
    """The servers and processes of one test. `names` are the watched repositories; each has a job of the same name."""

    names: Sequence[str]
    registry: LocalRegistry
    registry_url: str
    overlaps: Overlaps
    nomad: Simulator

    @property
    def host(self) -> str:
        """The registry's `host:port`, as it is written in jobs."""
        return self.registry_url.partition("://")[2]


@contextmanager
def cluster(
    directory: Path,
    *,
    database_url: str,
    redis_url: str,
    names: Sequence[str],
    settings: str = "",
    first: str = "v1.0.0",
) -> Iterator[Cluster]:
    """Start a registry and a Nomad in which each of `names` runs `first`. None of our processes runs yet.

    `settings` are TOML lines for the start of the configuration. On exit, everything stops; the logs are printed when
    the test failed or a process ended by itself.
    """
    nomad = Simulator()
    with ExitStack() as servers:
        registry = LocalRegistry()
        overlaps = Overlaps(create_registry_app(registry))
        registry_url = servers.enter_context(serve(overlaps))
        nomad_url = servers.enter_context(serve(create_simulator_app(nomad)))
        made = Cluster(
            directory=directory,
            names=names,
            registry=registry,
            registry_url=registry_url,
            overlaps=overlaps,
            nomad=nomad,
            env=environment(DATABASE_URL=database_url, REDIS_URL=redis_url, NOMAD_ADDR=nomad_url),
        )
        made.config.write_text(_toml(made.host, names, settings))
        for name in names:
            digest = registry.push(f"team/{name}", first, content=f"{name} {first}")
            nomad.seed(sample_job(name, f"{made.host}/team/{name}:{first}@{digest}"))
        with made.ending():
            yield made


def _toml(host: str, names: Sequence[str], settings: str) -> str:
    watches = "".join(
        f'[repo_map.{name}]\nregistry_name = "main"\nnomad_job_name = "{name}"\nnomad_task_name = "server"\n'
        for name in names
    )
    return (
        f'server_listening_address = "127.0.0.1:8080"\nwatched_repositories = {list(names)!r}\n{settings}\n'
        f'[registry_map.main]\nregistry_scheme = "http"\nregistry_domain = "{host}"\nregistry_prefix = "team"\n'
        f'[webhooks.distribution]\nsecret = "{SECRET}"\n{watches}'
    )
