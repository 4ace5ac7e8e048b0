"""Lists that go on: where a page ended, as it stands in a URL."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode


def moment(text: str) -> datetime | None:
    """The time that the text names, with its zone; None for anything else."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def url(page: str, filters: Mapping[str, object]) -> str:
    """The page's URL with what filters it; what is empty is left out."""
    query = urlencode({name: value for name, value in filters.items() if value}, doseq=True)
    return f"{page}?{query}" if query else page
