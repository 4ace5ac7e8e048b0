"""How long a rollback, or a change made outside, holds a watch: until something newer appears. Pure."""

from datetime import datetime

from app.domain.decision import HoldReason


def is_newer(since: datetime, *, commanded_at: datetime | None, newest_found_at: datetime | None) -> bool:
    """Whether a digest never seen before, or a person's command, came after `since`."""
    return any(at is not None and at > since for at in (commanded_at, newest_found_at))


def holds(
    since: datetime | None, *, commanded_at: datetime | None, newest_found_at: datetime | None, decided: str
) -> bool:
    """Whether what was done at `since` (None: nothing was) holds the watch still.

    `decided` is the reason of the watch's last decision, "" before the first: what is wanted and runs is not held.
    """
    if since is None or decided == HoldReason.UP_TO_DATE:
        return False
    return not is_newer(since, commanded_at=commanded_at, newest_found_at=newest_found_at)
