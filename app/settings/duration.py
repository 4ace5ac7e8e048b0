"""Go's durations ("59s", "1m30s", "500ms") as seconds, as in the configuration of the Go service.

Grammar: https://pkg.go.dev/time#ParseDuration
"""

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_WHOLE = re.compile(rf"\+?(?:{_PART.pattern})+", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds of a positive Go duration; raise ValueError for anything else, also a number without a unit."""
    if len(text) > 64 or _WHOLE.fullmatch(text) is None:
        raise ValueError("is not a duration")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if seconds <= 0:
        raise ValueError("must be longer than 0")
    return seconds
