"""The contract of Inbox: given watches, a stored delivery makes the right targets due, one time."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.ingest.inbox import PostgresInbox
from app.domain.event import MOST_EVENTS, EventAction, Oddity, Parsed, PushEvent
from app.services.ingest.receive import Delivery
from tests.contract.inboxes import Around, InMemory, InPostgres
from tests.fakes.inbox import MemoryInbox
from tests.servers.shared_database import SharedDatabase

HOST, PATH = "registry.example.com", "team/app"


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    """The database, None for memory. Not async, since it is emptied in an event loop of its own."""
    shared: SharedDatabase | None = request.getfixturevalue("shared_database") if request.param == "postgres" else None
    return shared.emptied() if shared else None


@pytest.fixture
async def around(url: str | None) -> AsyncIterator[Around]:
    if url is None:
        yield InMemory(MemoryInbox(), {})
        return
    database = Database(url)
    yield InPostgres(PostgresInbox(database, patience=30.0), database)
    await database.close()


def pushed(tag: str = "v1", *, event_id: str | None = None, host: str | None = HOST, path: str = PATH) -> PushEvent:
    return PushEvent(action=EventAction.PUSH, host=host, path=path, tag=tag, digest=None, event_id=event_id)


def delivery(*events: PushEvent, source: str = "main", ignored: int = 0) -> Delivery:
    return Delivery(delivery_id=uuid4(), source=source, size=10, parsed=Parsed(events=events, ignored=ignored))


async def test_a_pushed_tag_makes_the_target_due_and_is_remembered(around: Around) -> None:
    target = await around.add_watch("app", host=HOST, path=PATH)
    sent = delivery(pushed("v1", event_id="a"), ignored=2)

    receipt = await around.inbox.store(sent)

    assert (receipt.new, receipt.duplicates, receipt.ignored, receipt.target_ids) == (1, 0, 2, (target,))
    assert await around.generations() == {target: 1}
    view = await around.inbox.read(sent.delivery_id)
    assert view is not None
    assert (view.source, view.size, view.ignored, view.duplicates) == ("main", 10, 2, 0)
    assert [each.event for each in view.events] == [pushed("v1", event_id="a")]
    assert [(each.watch, each.settled_at) for each in view.events[0].answers] == [("app", None)]


async def test_a_retry_is_a_duplicate_and_marks_nothing(around: Around) -> None:
    target = await around.add_watch("app", host=HOST, path=PATH)
    await around.inbox.store(delivery(pushed(event_id="a")))
    again = delivery(pushed(event_id="a"), pushed(event_id="b"), pushed(event_id="b"))

    receipt = await around.inbox.store(again)
    third = await around.inbox.store(delivery(pushed(event_id="a")))

    assert (receipt.new, receipt.duplicates, receipt.target_ids) == (1, 2, (target,))
    assert (third.new, third.duplicates, third.target_ids) == (0, 1, ())
    assert await around.generations() == {target: 2}
    view = await around.inbox.read(again.delivery_id)
    assert view is not None
    assert view.duplicates == 2


async def test_identities_are_the_senders_own_and_none_is_no_identity(around: Around) -> None:
    await around.inbox.store(delivery(pushed(event_id="a"), pushed()))
    receipt = await around.inbox.store(delivery(pushed(event_id="a"), pushed(), source="other"))
    assert (receipt.new, receipt.duplicates) == (2, 0)


async def test_the_watches_of_the_events_host_come_first_else_all_of_its_path(around: Around) -> None:
    here = await around.add_watch("here", host=HOST, path=PATH)
    there = await around.add_watch("there", host="mirror.example.com", path=PATH)
    await around.add_watch("elsewhere", host=HOST, path="team/other")
    await around.add_watch("gone", host=HOST, path=PATH, present=False)

    assert (await around.inbox.store(delivery(pushed()))).target_ids == (here,)
    assert (await around.inbox.store(delivery(pushed(host="internal:5000")))).target_ids == (here, there)
    assert (await around.inbox.store(delivery(pushed(host=None)))).target_ids == (here, there)
    assert (await around.inbox.store(delivery(pushed(path="team/unwatched")))).target_ids == ()


async def test_a_watch_that_is_gone_does_not_narrow_by_its_host(around: Around) -> None:
    await around.add_watch("gone", host=HOST, path=PATH, present=False)
    there = await around.add_watch("there", host="mirror.example.com", path=PATH)
    assert (await around.inbox.store(delivery(pushed()))).target_ids == (there,)


async def test_watches_of_one_job_are_one_target(around: Around) -> None:
    target = await around.add_watch("web", host=HOST, path=PATH, job="shop")
    await around.add_watch("worker", host=HOST, path=PATH, job="shop")
    sent = delivery(pushed())

    assert (await around.inbox.store(sent)).target_ids == (target,)
    view = await around.inbox.read(sent.delivery_id)
    assert view is not None
    assert [each.watch for each in view.events[0].answers] == ["web", "worker"]


async def test_concurrent_deliveries_are_each_answered_for_themselves(around: Around) -> None:
    targets = [await around.add_watch(f"app{number}", host=HOST, path=f"team/{number}") for number in range(5)]
    sent = [delivery(pushed(event_id=f"e{n}", path=f"team/{n % 5}"), ignored=n) for n in range(50)]

    receipts = await asyncio.gather(*(around.inbox.store(each) for each in sent))

    assert [each.delivery_id for each in receipts] == [each.delivery_id for each in sent]
    assert [each.ignored for each in receipts] == list(range(50))
    assert [each.target_ids for each in receipts] == [(targets[n % 5],) for n in range(50)]


async def test_concurrent_copies_of_an_event_are_new_once(around: Around) -> None:
    receipts = await asyncio.gather(*(around.inbox.store(delivery(pushed(event_id="same"))) for _ in range(20)))
    assert sum(each.new for each in receipts) == 1
    assert sum(each.duplicates for each in receipts) == 19


async def test_a_delivery_that_cannot_be_stored_is_kept_without_its_events_and_harms_no_other(around: Around) -> None:
    target = await around.add_watch("app", host=HOST, path=PATH)
    bad, good = delivery(pushed("v\x00", event_id="bad")), delivery(pushed("v1", event_id="good"))

    receipts = await asyncio.gather(*(around.inbox.store(each) for each in (delivery(), bad, good, delivery())))

    assert [each.new for each in receipts] == [0, 0, 1, 0]
    assert receipts[2].target_ids == (target,)
    view = await around.inbox.read(bad.delivery_id)
    assert view is not None
    assert [each.where for each in view.oddities] == ["events"]


async def test_oddities_are_remembered(around: Around) -> None:
    odd = Oddity(where="events[0]", problem="'tag' is a number, not a text")
    sent = Delivery(delivery_id=uuid4(), source="main", size=3, parsed=Parsed(oddities=(odd,)), body=b"\x00\xff{")
    await around.inbox.store(sent)
    view = await around.inbox.read(sent.delivery_id)
    assert view is not None
    assert view.oddities == (odd,)


async def test_as_many_events_as_one_delivery_may_have(around: Around) -> None:
    target = await around.add_watch("app", host=HOST, path=PATH)
    receipt = await around.inbox.store(delivery(*(pushed(event_id=str(number)) for number in range(MOST_EVENTS))))
    assert (receipt.new, receipt.target_ids) == (MOST_EVENTS, (target,))
    assert await around.generations() == {target: 1}


async def test_an_unknown_delivery_is_none(around: Around) -> None:
    assert await around.inbox.read(uuid4()) is None


async def test_unknown_sources_are_remembered_the_latest_hundred(around: Around) -> None:
    for number in range(101):
        await around.inbox.note_unknown(f"stranger-{number:03}")
        await around.inbox.note_unknown("blocked-registry")
    names = await around.unknown()
    assert len(names) == 100
    assert "blocked-registry" in names
    assert "stranger-000" not in names
