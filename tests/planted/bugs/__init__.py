"""Every planted bug. A rule of the program that a test must hold gets its bug in one of these files."""

from tests.planted.bug import Bug
from tests.planted.bugs import deploys, ingest, leases, locks, messages, registrations

BUGS: tuple[Bug, ...] = (
    *ingest.BUGS,
    *messages.BUGS,
    *deploys.BUGS,
    *registrations.BUGS,
    *leases.BUGS,
    *locks.BUGS,
)
