"""Durations are Go's: https://pkg.go.dev/time#ParseDuration"""

import pytest

from app.settings.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("59s", 59),
        ("1m30s", 90),
        ("1h", 3600),
        ("500ms", 0.5),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("+2s", 2),
        ("1h1m1s1ms", 3661.001),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("250μs", 0.00025),
        ("1000000000ns", 1),
    ],
)
def test_reads_what_go_reads(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "59", "s", "1d", "1 s", "1m 30s", "-1s", "1s!", "1e3s", "٣s", "9" * 65 + "s"])
def test_refuses_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0h0m"])
def test_refuses_no_time_at_all(text: str) -> None:
    with pytest.raises(ValueError, match="longer than 0"):
        parse_duration(text)
