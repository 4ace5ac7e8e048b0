"""The contract of Feed: given listeners, each change of the store says what to read again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.views.feed import FeedPace, PostgresFeed
from app.domain.reference import Repository
from app.domain.watch import JobPlace, Watch
from app.services.views.feed import Change, Feed
from tests.web.stores import MemoryFeed

APP = Watch(
    name="app",
    registry="main",
    repository=Repository.of("registry.example", "team/app"),
    place=JobPlace(region="", namespace="default", job_id="web"),
    task="server",
)
GIVE_UP_AFTER = 30.0


@dataclass(frozen=True, slots=True)
class Subject:
    """A feed, and how to change the pinned tag of the watch `app` in its store."""

    feed: Feed
    change: Callable[[], Awaitable[None]]


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    """The database, None for memory. Not async, since its creation has its own event loop."""
    found: str | None = request.getfixturevalue("database_url") if request.param == "postgres" else None
    return found


@pytest.fixture
async def subject(url: str | None) -> AsyncIterator[Subject]:
    if url is None:
        memory = MemoryFeed()

        async def put() -> None:
            memory.put(Change(watches=frozenset({"app"})))

        yield Subject(memory, put)
        return
    database = Database(url)
    await PostgresWatches(database).sync([APP], at_start=False)
    feed = PostgresFeed(database, pace=FeedPace(gather=0.01))

    async def pin() -> None:
        async with database.connection() as connection:
            await connection.execute("UPDATE watches SET pinned_tag = pinned_tag || 'x'")

    yield Subject(feed, pin)
    await feed.aclose()
    await database.close()


async def test_the_first_change_says_to_read_everything(subject: Subject) -> None:
    async with subject.feed.listen() as changes:
        assert await next_change(changes) == Change(everything=True)
        assert subject.feed.problem == ""


async def test_every_listener_hears_of_a_change(subject: Subject) -> None:
    async with subject.feed.listen() as one, subject.feed.listen() as other:
        await next_change(one)
        await next_change(other)
        await subject.change()
        assert (await next_change(one)).watches == (await next_change(other)).watches == {"app"}


async def test_a_slow_listener_hears_of_many_changes_at_once(subject: Subject) -> None:
    async with subject.feed.listen() as slow, subject.feed.listen() as quick:
        await next_change(slow)
        await next_change(quick)
        for _ in range(3):
            await subject.change()
            await next_change(quick)
        assert (await next_change(slow)).watches == {"app"}
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(slow), 0.1)


async def test_who_comes_later_hears_nothing_of_before_but_to_read_everything(subject: Subject) -> None:
    async with subject.feed.listen() as first:
        await next_change(first)
        await subject.change()
        await next_change(first)
    async with subject.feed.listen() as second:
        assert await next_change(second) == Change(everything=True)


async def next_change(changes: AsyncIterator[Change]) -> Change:
    """The next change."""
    return await asyncio.wait_for(anext(changes), GIVE_UP_AFTER)
