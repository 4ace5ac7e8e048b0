"""The account of Postgres when we are root, and whether that account reaches our files.

Postgres refuses uid 0, so root starts it under an unprivileged account. That account must be able to enter every
directory above the data and the binaries, and a checkout is often below a private one (mode 0700). Must change nothing.
"""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

UNPRIVILEGED_NAMES = ("nobody", "daemon")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user and its group."""

    uid: int
    gid: int

    def may(self, path: Path, bits: int) -> bool:
        """Whether the account has these permission bits (4 read, 2 write, 1 enter) on the path itself."""
        found = path.stat()
        shift = 6 if found.st_uid == self.uid else 3 if found.st_gid == self.gid else 0
        return (found.st_mode >> shift) & bits == bits

    def reaches(self, path: Path) -> bool:
        """Whether the account may enter every directory above the path."""
        return all(self.may(parent, 1) for parent in path.resolve().parents)


def unprivileged_account() -> Account | None:
    """The account of root's Postgres; None when we are not root and need none.

    It must have a name, since initdb fails without one: an unused number is not enough.
    """
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    names = " or ".join(UNPRIVILEGED_NAMES)
    raise LookupError(f"Postgres does not run as root: there is no account {names}; add one, or start as another user")


def owner_of(path: Path) -> Account:
    """The account that owns the path."""
    found = path.stat()
    return Account(uid=found.st_uid, gid=found.st_gid)
