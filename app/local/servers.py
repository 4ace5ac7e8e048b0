"""Which Postgres and which Valkey does a local start use: the ones that the user names, or embedded ones?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.local.postgres import EmbeddedPostgres
from app.local.valkey import EmbeddedValkey


class LocalServer(Protocol):
    """A server that may have to be started; start and stop block for up to a few seconds and may be called twice."""

    @property
    def url(self) -> str:
        """Where clients connect, once it is started."""

    def start(self) -> None:
        """Return when it is ready. Raises ServerFailed."""

    def stop(self) -> None:
        """Return when it has gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenServer:
    """Somebody else's server: we neither start nor stop it."""

    url: str

    def start(self) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Nothing to do."""


def choose_postgres(directory: Path, *, database_url: str | None) -> LocalServer:
    """The given database, else an embedded Postgres that keeps its data in directory."""
    return GivenServer(url=database_url) if database_url else EmbeddedPostgres(directory)


def choose_valkey(directory: Path, *, redis_url: str | None) -> LocalServer:
    """The given Redis, else the machine's or the wheel's Valkey with its data in directory."""
    return GivenServer(url=redis_url) if redis_url else EmbeddedValkey(directory)
