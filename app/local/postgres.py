"""A real Postgres on a machine that has none: the binaries of a wheel, run as our child on a loopback port.

    with EmbeddedPostgres(Path(".registrywatcher")) as postgres:
        connect(postgres.url)

The data outlives the server; the server never outlives this process. Must not know our schema.
Reference: https://www.postgresql.org/docs/18/server-start.html
"""

import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Self

from app.local.daemon import Daemon, ServerFailed
from app.local.pg_home import PgHome, pg_home
from app.local.ports import LOOPBACK, free_port

USER = "postgres"
DATABASE = "postgres"
ATTEMPTS = 3
STATUS_LINE = 7  # of postmaster.pid, counted from 0: "starting", "ready", …

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # a deep checkout would exceed the 107 bytes of a socket's path
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}  # survives a killed server, not a lost machine


class EmbeddedPostgres:
    """One Postgres in a directory. Nothing happens before start; url is the same across restarts of one object."""

    def __init__(self, directory: Path, *, port: int | None = None, durable: bool = True) -> None:
        self._directory, self._fixed_port = directory, port
        self._settings = SETTINGS if durable else SETTINGS | NOT_DURABLE
        self._port = port
        self._home: PgHome | None = None
        self._daemon: Daemon | None = None

    @property
    def url(self) -> str:
        """Where clients connect. Raises ServerFailed before the first start."""
        if self._home is None or self._port is None:
            raise ServerFailed("the embedded Postgres was never started")
        return f"postgresql://{USER}:{self._home.password.read_text()}@{LOOPBACK}:{self._port}/{DATABASE}"

    @property
    def pid(self) -> int:
        """The postmaster's process id, 0 when it does not run."""
        return self._daemon.pid if self._daemon and self._daemon.running else 0

    def start(self) -> None:
        """Make the cluster when there is none, start it, return when it takes connections.

        Raises ServerFailed with the log's last lines; data of another major version is refused.
        """
        if self.pid:
            return
        if self._home is None:
            self._home = pg_home(self._directory)
            _initialise(self._home)
        for attempt in range(1, ATTEMPTS + 1):
            port = self._port or free_port()
            try:
                self._start_on(port, self._home)
            except ServerFailed as failure:
                if self._port or attempt == ATTEMPTS or "Address already in use" not in str(failure):
                    raise
            else:
                self._port = port
                return

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, data is written, the process has gone."""
        if self._daemon:
            self._daemon.stop()

    def kill(self) -> None:
        """End every process of the server with SIGKILL, as a crash would; the next start recovers."""
        if self._daemon:
            self._daemon.kill()

    def signal(self, number: int) -> None:
        """Send a signal to the postmaster alone."""
        if self._daemon:
            self._daemon.signal(number)

    def _start_on(self, port: int, home: PgHome) -> None:
        settings = [f"--{name}={value}" for name, value in (self._settings | {"port": str(port)}).items()]
        argv = [home.program("postgres"), "-D", str(home.data), *settings]
        self._daemon = Daemon(argv, log=home.log, stop_signal=signal.SIGINT, account=home.account, env=_environment())
        status = home.data / "postmaster.pid"
        daemon = self._daemon
        daemon.start(lambda: _is_ready(status, daemon.pid))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _is_ready(status: Path, pid: int) -> bool:
    """What pg_ctl looks at: the postmaster's own status line, and that it is this postmaster's."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return False
    return len(lines) > STATUS_LINE and lines[0].strip() == str(pid) and lines[STATUS_LINE].strip() == "ready"


def _initialise(home: PgHome) -> None:
    """initdb into a directory beside, renamed when whole, so that an interrupted one is never taken for a cluster."""
    if home.data.exists():
        return
    partial = home.data.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    home.password.unlink(missing_ok=True)
    home.password.touch(mode=0o600)
    home.password.write_text(secrets.token_hex(16))
    if home.account:
        for path in (partial, home.password):
            os.chown(path, home.account.uid, home.account.gid)
    ran = subprocess.run(
        [home.program("initdb"), "-D", str(partial), "-U", USER, f"--pwfile={home.password}", *_INITDB],
        user=home.account.uid if home.account else None,
        group=home.account.gid if home.account else None,
        extra_groups=[] if home.account else None,
        cwd="/",
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise ServerFailed(f"initdb failed in {partial}:\n{ran.stdout[-1000:]}{ran.stderr[-1000:]}")
    partial.rename(home.data)


_INITDB = (
    "--auth=scram-sha-256",  # other people on this machine reach the port too
    "--set=scram_iterations=1",  # the password is 128 random bits: stretching it would only slow connections
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-sync",
    "--no-instructions",
)


def _environment() -> dict[str, str]:
    """Ours without PG… variables, which would redirect the server's programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
