"""How long a rollback or drift holds a watch, and which holds send a notification."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.decision import HoldReason
from app.domain.history import is_another_job
from app.domain.hold_expiry import holds, is_newer

DONE = datetime(2026, 1, 1, tzinfo=UTC)
EARLIER, LATER = DONE - timedelta(seconds=1), DONE + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("commanded", "found", "newer"),
    [
        (None, None, False),
        (EARLIER, EARLIER, False),
        (DONE, DONE, False),
        (LATER, None, True),
        (None, LATER, True),
        (LATER, EARLIER, True),
    ],
)
def test_something_newer_is_a_new_digest_or_a_command(
    commanded: datetime | None, found: datetime | None, newer: bool
) -> None:
    assert is_newer(DONE, commanded_at=commanded, newest_found_at=found) is newer
    assert holds(DONE, commanded_at=commanded, newest_found_at=found, decided="rolled_back") is not newer


def test_nothing_is_held_that_was_not_done_or_that_runs() -> None:
    assert not holds(None, commanded_at=None, newest_found_at=None, decided="")
    assert not holds(DONE, commanded_at=None, newest_found_at=None, decided="up_to_date")
    assert holds(DONE, commanded_at=None, newest_found_at=None, decided="")


def test_holds_that_do_not_end_by_themselves_are_notified() -> None:
    assert {each for each in HoldReason if each.needs_person} == {
        HoldReason.UNUSABLE,
        HoldReason.AUTO_DEPLOY_OFF,
        HoldReason.OBSERVE_ONLY,
        HoldReason.DRIFTED,
        HoldReason.DOWNGRADE,
        HoldReason.NOT_A_RELEASE,
    }


def test_a_job_that_was_created_again_is_another_one() -> None:
    assert is_another_job(3, 9)
    assert not is_another_job(3, 3)
    assert not is_another_job(0, 9)
