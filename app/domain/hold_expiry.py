"""How long a rollback, or drift, holds a watch: until a newer digest or command appears. Pure."""

from datetime import datetime

from app.domain.decision import HoldReason


def is_newer(since: datetime, *, commanded_at: datetime | None, newest_found_at: datetime | None) -> bool:
    """Whether a digest was found for the first time, or a command came, after `since`."""
    return any(at is not None and at > since for at in (commanded_at, newest_found_at))


def holds(
    since: datetime | None, *, commanded_at: datetime | None, newest_found_at: datetime | None, decided: str
) -> bool:
    """Whether the rollback or drift at `since` (None if there was none) still holds the watch.

    `decided` is the reason of the watch's last decision, "" before the first. A watch whose
    job specifies the desired image is not held.
    """
    if since is None or (decided in set(HoldReason) and HoldReason(decided).is_specified):
        return False
    return not is_newer(since, commanded_at=commanded_at, newest_found_at=newest_found_at)
