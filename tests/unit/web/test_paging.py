"""The end of a page, in the URL of the next one, with any value in that URL."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID

import pytest

from app.domain.acceptance import Acceptance
from app.domain.timeline import EntryKind
from app.services.views.board import DeliveryListing, DeliverySummary, TimelineEntry
from app.web.pages import activity, deliveries
from tests.unit.web.requests import request
from tests.web.values import NOW

ENTRY = TimelineEntry(at=NOW, kind=EntryKind.COMMAND, key="w7 & more", watch="app", message="")
DELIVERY = DeliverySummary(
    delivery_id=UUID(int=7),
    source="a&b",
    received_at=NOW,
    acceptance=Acceptance.ACCEPTED,
    events=1,
    ignored=0,
    duplicates=0,
    size=9,
    what=(),
    oddity="",
)
NONSENSE = (
    "", "nonsense", " ", "2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05+00:00 ", "2026-01-02T03:04:05 x",
    "2026-01-02T03:04:05+00:00 a\0b", "9999-99-99 x", "0001-01-01T00:00:00+23:59 x", "9999-12-31T23:59:59-23:59 x",
)  # fmt: skip


def test_the_older_url_names_the_last_shown_entry() -> None:
    url = activity.older(
        [ENTRY, replace(ENTRY, at=NOW - timedelta(hours=1))], 2, "/activity", {"repo": "a b", "by": ""}
    )
    assert urlsplit(url).path == "/activity"
    assert parse_qs(urlsplit(url).query) == {"repo": ["a b"], "before": ["2026-01-02T02:04:05+00:00 w7 & more"]}
    assert activity.before(request(query=urlsplit(url).query)) == (NOW - timedelta(hours=1), "w7 & more")


def test_a_page_that_is_not_full_is_the_last() -> None:
    assert activity.older([ENTRY], 2, "/activity", {}) == ""
    assert activity.older([], 2, "/activity", {}) == ""


@pytest.mark.parametrize("before", NONSENSE)
def test_an_invalid_position_is_the_newest_page(before: str) -> None:
    query = request(query=f"before={quote(before)}")
    assert activity.before(query) is None
    assert deliveries.before(query) is None


def test_a_time_of_another_zone_is_the_same_time() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=2)))
    found = activity.before(request(query=f"before={quote(there.isoformat() + ' k')}"))
    assert found == (NOW, "k")
    assert found[0].tzinfo is UTC
    with_id = deliveries.before(request(query=f"before={quote(f'{there.isoformat()} {UUID(int=3)}')}"))
    assert with_id == (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), UUID(int=3))


def test_older_deliveries_keep_the_filters() -> None:
    full = DeliveryListing(deliveries=(DELIVERY,) * deliveries.SHOWN, sources=(), missed=())
    url = deliveries.older(full, {"source": "a&b", "became": ""})
    assert parse_qs(urlsplit(url).query)["source"] == ["a&b"]
    assert deliveries.before(request(query=urlsplit(url).query)) == (NOW, UUID(int=7))
    assert deliveries.older(replace(full, deliveries=full.deliveries[1:]), {"source": "", "became": ""}) == ""
