"""The Postgres and the Valkey of a local start: the user's, or embedded ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.local.postgres import EmbeddedPostgres
from app.local.valkey import EmbeddedValkey


class LocalServer(Protocol):
    """A server that may need a start; `start` and `stop` block for up to a few seconds, and may be called twice."""

    @property
    def url(self) -> str:
        """The address for clients, after the start."""

    @property
    def running(self) -> bool:
        """Whether it runs as far as we know: the user's own server always does."""

    def start(self) -> None:
        """Return when it is ready. Raises ServerFailed."""

    def stop(self) -> None:
        """Return after its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenServer:
    """The user's own server: we neither start nor stop it."""

    url: str

    @property
    def running(self) -> bool:
        """Not known here: our processes report its outages."""
        return True

    def start(self) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Nothing to do."""


def choose_postgres(directory: Path, *, database_url: str | None) -> LocalServer:
    """The given database, else an embedded Postgres with its data in `directory`."""
    return GivenServer(url=database_url) if database_url else EmbeddedPostgres(directory)


def choose_valkey(directory: Path, *, redis_url: str | None) -> LocalServer:
    """The given Redis, else the machine's or the wheel's Valkey with its data in `directory`."""
    return GivenServer(url=redis_url) if redis_url else EmbeddedValkey(directory)
