"""Paging: the end of a page, as a part of the next page's URL."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode


def moment(text: str) -> datetime | None:
    """The time in the text, in UTC; None for anything but an ISO time with a zone."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def url(page: str, filters: Mapping[str, object]) -> str:
    """The page's URL with its filters, without the empty ones."""
    query = urlencode({name: value for name, value in filters.items() if value}, doseq=True)
    return f"{page}?{query}" if query else page
