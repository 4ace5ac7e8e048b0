"""How long a target waits after conflicts and lost registrations, and which outages are shown at it."""

from dataclasses import replace

import pytest

from app.errors import JobChanged, NomadDenied, NomadUnavailable, OutcomeUnknown, Permanent, Transient
from app.services.reconcile.backoff import after_conflict, after_lost, is_shown, is_shown_for_all
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


def test_one_conflict_is_retried_almost_at_once_and_many_ever_more_rarely() -> None:
    pauses = [after_conflict(replace(claim(), attempts=attempts)) for attempts in (0, 1, 2, 5, 9, 50)]
    assert pauses == pytest.approx([0.05, 0.1, 0.2, 1.6, 25.6, 30.0])


def test_a_registration_that_is_lost_again_and_again_is_made_ever_more_rarely() -> None:
    assert [after_lost(attempts) for attempts in (0, 1, 2, 50)] == [0.5, 1.0, 2.0, 30.0]


@pytest.mark.parametrize(
    ("error", "attempts", "expected"),
    [
        (JobChanged("it changed"), 0, False),
        (JobChanged("it changed"), 4, False),
        (JobChanged("it changed"), 5, True),
        (SILENT, 0, True),
    ],
)
def test_only_a_lasting_conflict_is_shown(error: Transient, attempts: int, *, expected: bool) -> None:
    assert is_shown(replace(claim(), attempts=attempts), error) is expected
