"""What went wrong, sorted by what to do next. It must not know any library.

    RegistryWatcherError
    ├── Rejected            an inbound request refused; carries the HTTP status
    ├── InvalidReference    a text that is no image reference, repository, tag or digest
    ├── ConfigError         the configuration; lists every fault; exit status 2
    ├── Transient           later may work; carries retry_after
    │   ├── RegistryUnavailable
    │   ├── NomadUnavailable
    │   ├── StoreUnavailable    Postgres cannot store now
    │   ├── OutcomeUnknown      a write whose answer was lost, and reading back could not settle it
    │   ├── ReadingWaits        a configuration that a person must accept, or that must be read again
    │   └── JobChanged          the job moved between our read and our write
    └── Permanent           again will not work
        ├── TagNotFound
        ├── RepositoryNotFound
        ├── RegistryDenied
        ├── NomadDenied
        ├── ReadingRefused      a configuration that only a restart brings into force
        ├── JobRejected         Nomad refuses the specification; its words are the message
        └── SchemaMismatch      the database's schema is not the program's

Messages are for the person who reads the page: they name the thing and the mend, are bounded, and hold no secret.
"""

from dataclasses import dataclass


class RegistryWatcherError(Exception):
    """The root of all errors that this program raises on purpose."""


class Rejected(RegistryWatcherError):
    """An inbound request refused; `status` is the HTTP status to answer."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class InvalidReference(RegistryWatcherError, ValueError):
    """A text that does not follow the grammar of references (distribution spec, docker's normal form)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with the configuration: where it stands, what is wrong, how to mend it."""

    source: str
    key: str
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{self.source}: {self.key}: {self.problem}. {self.fix}"


class ConfigError(RegistryWatcherError):
    """The configuration cannot be used; `faults` lists everything wrong with it at once."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class Transient(RegistryWatcherError):
    """Later may work; `retry_after` is what the other side asked for, in seconds."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RegistryUnavailable(Transient):
    """The registry did not answer, answered 5xx, or asked us to slow down (429)."""


class NomadUnavailable(Transient):
    """Nomad did not answer, has no leader, or is rate limiting."""


class StoreUnavailable(Transient):
    """Postgres cannot be reached or cannot store now."""


class OutcomeUnknown(Transient):
    """A write to Nomad may or may not have been applied, and a read could not settle it."""


class ReadingWaits(Transient):
    """The configuration was read, and does not come into force yet."""


class JobChanged(Transient):
    """Check-and-set failed: somebody else changed the job after we read it."""


class Permanent(RegistryWatcherError):
    """Doing the same again will not work until a person mends something."""


class TagNotFound(Permanent):
    """The registry has no such tag in this repository."""


class RepositoryNotFound(Permanent):
    """The registry has no such repository, or hides it from these credentials."""


class RegistryDenied(Permanent):
    """The registry refuses these credentials."""


class NomadDenied(Permanent):
    """Nomad refuses this token (403)."""


class ReadingRefused(Permanent):
    """The configuration was read, and would weaken access: a reload never does that."""


class JobRejected(Permanent):
    """Nomad refuses the specification; the message is Nomad's."""


class SchemaMismatch(Permanent):
    """The database and this program's files do not belong together; the message names the file and the mend."""
