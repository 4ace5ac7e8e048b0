"""Which outage of Nomad is that of all jobs, and is not shown at each of them."""

from dataclasses import replace

import pytest

from app.errors import NomadDenied, NomadUnavailable, OutcomeUnknown, Permanent, Transient
from app.services.reconcile.backoff import is_shown_for_all
from tests.unit.services.reconcile.values import claim

SILENT = NomadUnavailable("it cannot be reached")


@pytest.mark.parametrize(
    ("follows_job", "nomad_outage", "attempts", "error", "expected"),
    [
        (False, False, 0, SILENT, False),
        (True, False, 0, SILENT, True),
        (True, False, 4, SILENT, True),
        (True, False, 5, SILENT, False),
        (False, True, 50, SILENT, True),
        (True, False, 0, NomadDenied("the token may not"), False),
        (True, True, 0, OutcomeUnknown("the answer was lost"), False),
    ],
    ids=[
        "nobody follows",
        "the follower will notice",
        "it has a moment",
        "this job alone gets no answer",
        "known",
        "denied",
        "lost",
    ],
)
def test_the_outage_of_all_jobs(
    error: Transient | Permanent, *, follows_job: bool, nomad_outage: bool, attempts: int, expected: bool
) -> None:
    found = replace(claim(), follows_job=follows_job, nomad_outage=nomad_outage, attempts=attempts)
    assert is_shown_for_all(found, error) is expected
