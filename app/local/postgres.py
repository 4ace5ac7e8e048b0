"""A real Postgres on a machine without one: the binaries of a wheel, run as our child on a loopback port.

    with EmbeddedPostgres(Path(".registrywatcher")) as postgres:
        connect(postgres.url)

The data stays after the server's end; the server never outlives this process. Must not know our schema.
Reference: https://www.postgresql.org/docs/18/server-start.html
"""

import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

from app.local.daemon import Daemon, ServerFailed
from app.local.embedded import EmbeddedServer
from app.local.pg_home import PgHome, pg_home
from app.local.ports import LOOPBACK

USER = "postgres"
DATABASE = "postgres"
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


class EmbeddedPostgres(EmbeddedServer):
    """One Postgres in a directory. Nothing happens before start; url is the same across restarts of one object."""

    def __init__(self, directory: Path, *, port: int | None = None, durable: bool = True) -> None:
        super().__init__(port)
        self._directory = directory
        self._settings = SETTINGS if durable else SETTINGS | NOT_DURABLE
        self._home: PgHome | None = None

    @property
    def url(self) -> str:
        """Where clients connect. Raises ServerFailed before the first start."""
        if self._home is None or self._port is None:
            raise ServerFailed("the embedded Postgres was never started")
        place = f"{LOOPBACK}:{self._port}/{DATABASE}?sslmode=disable"  # it has no TLS: to ask for it costs a round trip
        return f"postgresql://{USER}:{self._home.password.read_text()}@{place}"

    def _prepare(self) -> None:
        """Create the cluster if there is none; refuse data of another major version."""
        if self._home is None:
            self._home = pg_home(self._directory)
            _initialise(self._home)

    def _start_on(self, port: int) -> None:
        home = self._home
        assert home is not None  # _prepare made it
        settings = [f"--{name}={value}" for name, value in (self._settings | {"port": str(port)}).items()]
        argv = [home.program("postgres"), "-D", str(home.data), *settings]
        self._daemon = Daemon(argv, log=home.log, stop_signal=signal.SIGINT, account=home.account, env=_environment())
        status = home.data / "postmaster.pid"
        daemon = self._daemon
        daemon.start(lambda: _is_ready(status, daemon.pid))


def _is_ready(status: Path, pid: int) -> bool:
    """The check of pg_ctl: the postmaster's own status line, and that it belongs to this process id."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return False
    return len(lines) > STATUS_LINE and lines[0].strip() == str(pid) and lines[STATUS_LINE].strip() == "ready"


def _initialise(home: PgHome) -> None:
    """Run initdb in another directory, and rename it when complete, so that an interrupted one is never used."""
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
    "--auth=scram-sha-256",  # other users of this machine reach the port too
    "--set=scram_iterations=1",  # the password is 128 random bits: more iterations would only slow connections
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-sync",
    "--no-instructions",
)


def _environment() -> dict[str, str]:
    """Our environment without PG… variables, which would redirect the server's programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
