"""All errors, sorted by what to do next. This module must not know any library.

    RegistryWatcherError
    ├── Rejected            an inbound request was refused; carries the HTTP status
    ├── InvalidReference    the text is not an image reference, repository, tag or digest
    ├── ConfigError         the configuration is invalid; lists every fault; exit status 2
    ├── Transient           may work later; carries retry_after
    │   ├── RegistryUnavailable
    │   ├── NomadUnavailable
    │   ├── StoreUnavailable    Postgres cannot store now
    │   │   └── StoreSilent     it does not answer at all
    │   ├── OutcomeUnknown      the answer to a write was lost, and a read could not settle it
    │   ├── ReadingWaits        a person must accept the configuration, or it must be read again
    │   └── JobChanged          the job was changed between our read and our write
    └── Permanent           a retry will not work
        ├── Unforeseen          a fault of this program, or an answer that no server should give
        ├── TagNotFound
        ├── RepositoryNotFound
        ├── RegistryDenied
        ├── NomadDenied
        ├── ReadingRefused      only a restart can apply the configuration
        ├── JobRejected         Nomad refuses the specification; its answer is the message
        └── SchemaMismatch      the schema of the database is not that of the program

Messages are for the person who reads the page: they name the thing, the cause and the fix, have a bounded length, and
contain no secret.
"""

from dataclasses import dataclass


class RegistryWatcherError(Exception):
    """The root of all errors that this program raises on purpose."""


class Rejected(RegistryWatcherError):
    """An inbound request was refused; `status` is the HTTP status of the answer."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class InvalidReference(RegistryWatcherError, ValueError):
    """A text that does not follow the grammar of references (distribution spec, docker's normal form)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of the configuration: its source and key, the problem, and the fix."""

    source: str
    key: str
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{self.source}: {self.key}: {self.problem}. {self.fix}"


class ConfigError(RegistryWatcherError):
    """The configuration cannot be used; `faults` lists all its faults."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class Transient(RegistryWatcherError):
    """May work later; `retry_after` is the pause that the other side asked for, in seconds."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RegistryUnavailable(Transient):
    """The registry did not answer, answered 5xx, or limits our rate (429)."""


class NomadUnavailable(Transient):
    """Nomad did not answer, has no leader, or limits our rate."""


class StoreUnavailable(Transient):
    """Postgres cannot be reached or cannot store now."""


class StoreSilent(StoreUnavailable):
    """Postgres does not answer. Every process asks it regularly and reports that once, so callers need not log it."""


class OutcomeUnknown(Transient):
    """A write to Nomad may or may not have been applied, and a read could not settle it."""


class ReadingWaits(Transient):
    """The configuration was read, and is not in force yet."""


class JobChanged(Transient):
    """Check-and-set failed: somebody else changed the job after we read it."""


class Permanent(RegistryWatcherError):
    """A retry will not work until a person fixes something."""


class TagNotFound(Permanent):
    """The registry has no such tag in this repository."""


class RepositoryNotFound(Permanent):
    """The registry has no such repository, or hides it from these credentials."""


class RegistryDenied(Permanent):
    """The registry refuses these credentials."""


class NomadDenied(Permanent):
    """Nomad refuses this token (403)."""


class ReadingRefused(Permanent):
    """The configuration was read and would weaken access, which a reload never does."""


class JobRejected(Permanent):
    """Nomad refuses the specification; the message is Nomad's."""


class SchemaMismatch(Permanent):
    """The database and this program's files do not belong together; the message names the file and the fix."""


class Unforeseen(Permanent):
    """An error that nobody foresaw; its traceback is in the log."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"an unforeseen error: {problem}; report it with the traceback in the log; it is tried again")
