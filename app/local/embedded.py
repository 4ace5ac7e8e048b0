"""The common part of embedded servers: one child on a loopback port, which stays the same after restarts."""

from abc import ABC, abstractmethod
from typing import Self

from app.local.daemon import Daemon, ServerFailed
from app.local.ports import free_port

ATTEMPTS = 3


class EmbeddedServer(ABC):
    """One server. Nothing happens before start; its port is the same across restarts of one object."""

    def __init__(self, port: int | None) -> None:
        self._port = port
        self._daemon: Daemon | None = None

    @property
    def pid(self) -> int:
        """The server's process id, 0 when it does not run."""
        return self._daemon.pid if self._daemon and self._daemon.running else 0

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.pid != 0

    def start(self) -> None:
        """Prepare the data if necessary, start, and return when the server is ready.

        Raises ServerFailed with the last lines of the log.
        """
        if self.pid:
            return
        self._prepare()
        for attempt in range(1, ATTEMPTS + 1):
            port = self._port or free_port()
            try:
                self._start_on(port)
            except ServerFailed as failure:
                if self._port or attempt == ATTEMPTS or "Address already in use" not in str(failure):
                    raise
            else:
                self._port = port
                return

    def stop(self) -> None:
        """End in order: disconnect the clients, write the data, wait for the end of the process."""
        if self._daemon:
            self._daemon.stop()

    def kill(self) -> None:
        """End every process of the server with SIGKILL, as a crash would; the next start recovers."""
        if self._daemon:
            self._daemon.kill()

    def signal(self, number: int) -> None:
        """Send a signal to the server's main process alone (SIGSTOP makes it hang, SIGCONT continues it)."""
        if self._daemon:
            self._daemon.signal(number)

    @abstractmethod
    def _prepare(self) -> None:
        """Create the files that the server needs before its first start."""

    @abstractmethod
    def _start_on(self, port: int) -> None:
        """Start on the port, and return when the server is ready. Raises ServerFailed."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
