"""A person's reason: on one line, and in the words that say who commanded what, since when."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.domain.reasons import Commanded, takes_over, tidied

AT = datetime(2026, 1, 2, 3, 4, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("command", "who", "since", "on"),
    [
        (Commanded(), "a person", "", ""),
        (Commanded(at=AT), "a person", " since 2026-01-02 03:04 UTC", " on 2026-01-02 03:04 UTC"),
        (Commanded(by="ann", at=AT), "ann", " by ann since 2026-01-02 03:04 UTC", " on 2026-01-02 03:04 UTC"),
        (
            Commanded(by="ann", at=AT.astimezone(timezone(timedelta(hours=2))), reason="the fair"),
            "ann",
            " by ann since 2026-01-02 03:04 UTC: the fair",
            " on 2026-01-02 03:04 UTC: the fair",
        ),
        (Commanded(reason="the fair"), "a person", ": the fair", ": the fair"),
    ],
)
def test_who_since_when_and_why_as_far_as_it_is_known(command: Commanded, who: str, since: str, on: str) -> None:
    assert (command.who, command.since, command.on) == (who, since, on)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("  the   fair ", "the fair"),
        ("two\nlines\r\n\tand\x1b[31m colours\x00", "two lines and [31m colours"),
        ("a\u2028b\u2029c\ud800d", "a b c d"),
        ("Grüße 😀", "Grüße 😀"),
    ],
)
def test_a_reason_is_one_line_without_control_characters(given: str, kept: str) -> None:
    assert tidied(given) == kept


@pytest.mark.parametrize(
    ("changed", "reason", "replaced"), [(True, "", True), (True, "x", True), (False, "x", True), (False, "", False)]
)
def test_the_same_command_again_keeps_the_first_reason_unless_it_gives_one(
    changed: bool, reason: str, replaced: bool
) -> None:
    assert takes_over(changed=changed, reason=reason) is replaced
