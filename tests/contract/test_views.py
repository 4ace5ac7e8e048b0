"""Board and Queries in memory answer like those on Postgres with the same data. Tests of pages rely on this."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest

from app.adapters.postgres.commands.watch_commands import PostgresWatchCommands
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.ingest.inbox import PostgresInbox
from app.adapters.postgres.views.board import PostgresBoard
from app.adapters.postgres.views.queries import PostgresQueries
from app.domain.acceptance import Acceptance
from app.domain.condition import Condition
from app.domain.event import Oddity, Parsed
from app.domain.timeline import EntryKind
from app.services.ingest.receive import Delivery
from app.services.views.board import Board, Search, TimelineQuery
from app.services.views.queries import Queries
from tests.fakes.board import NOW, MemoryBoard
from tests.seeded_watches import name_of, seed_watches
from tests.servers.postgres import Databases
from tests.web.stores import MemoryQueries

ALL = 10_000
WATCHES = 110  # each condition and each reason at least once
ONE = name_of(7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """Data in Postgres, and the same data in memory."""

    board: PostgresBoard
    queries: PostgresQueries
    memory_board: MemoryBoard
    memory_queries: MemoryQueries

    @property
    def boards(self) -> tuple[Board, Board]:
        return self.board, self.memory_board

    @property
    def both_queries(self) -> tuple[Queries, Queries]:
        return self.queries, self.memory_queries


@pytest.fixture(scope="module")
def seeded_url(databases: Databases) -> Iterator[str]:
    """One database for all tests of this file, since they only read."""
    url = databases.fresh()
    yield url
    databases.drop(url)


@pytest.fixture(scope="module")
async def views(seeded_url: str) -> AsyncIterator[Views]:
    database = Database(seeded_url)
    board, queries = PostgresBoard(database), PostgresQueries(database)
    await seed_watches(database, WATCHES, tags=6)
    await PostgresWatchCommands(database).check(ONE, by="zoe")
    await PostgresWatchCommands(database).switch(paused=True, by="ann")
    odd = Parsed(oddities=(Oddity(where="events", problem="is no list"),))
    for source, parsed in (("hub", Parsed(ignored=2)), ("hub", odd), ("main", Parsed(ignored=1))):
        await PostgresInbox(database).store(Delivery(delivery_id=uuid4(), source=source, size=9, parsed=parsed))
    await PostgresInbox(database).note_unknown("stranger")
    known = await queries.watches()
    ids = [each.rollout_id for each in await queries.rollouts(limit=ALL)]
    ended = [await queries.rollout(each) for each in ids]
    sent = await board.deliveries(source="", acceptance=None, before=None, limit=ALL)
    situation = await board.situation()
    yield Views(
        board=board,
        queries=queries,
        memory_board=MemoryBoard(
            known=known,
            happened=await board.entries(TimelineQuery(), limit=ALL),
            rollouts=await board.rollouts_of(ONE, limit=ALL),
            sent=sent.deliveries,
            sources=sent.sources,
            missed=sent.missed,
            absent=situation.outages,
            unknown_sources=situation.unknown_sources,
            unsent_notifications=situation.unsent_notifications,
            paused=situation.paused,
            tags_seen={"v1.5.0": await board.tag(ONE, "v1.5.0")},
        ),
        memory_queries=MemoryQueries(
            known=known, ended=tuple(each for each in ended if each is not None), absent=await queries.outages()
        ),
    )
    await database.close()


async def test_every_page_shows_the_same_situation(views: Views) -> None:
    stored, held = [await each.situation() for each in views.boards]
    assert replace(stored, now=NOW, paused_at=NOW) == held


@pytest.mark.parametrize(
    "search",
    [
        Search(),
        Search(terms=("SVC-0000",)),
        Search(terms=("svc", "07")),
        Search(terms=("nowhere",)),
        Search(conditions=frozenset({Condition.OUTAGE, Condition.PROMOTION})),
        Search(terms=("svc-0001",), conditions=frozenset({Condition.MOVING})),
    ],
)
async def test_a_page_of_the_list_is_the_same(views: Views, search: Search) -> None:
    for offset, limit in ((0, 25), (20, 25), (100, 25), (0, ALL)):
        stored, held = [await each.listing(search, offset=offset, limit=limit) for each in views.boards]
        assert stored == held


@pytest.mark.parametrize("text", ["svc-0000", "0001", "v1.", "5.0", "nothing"])
async def test_suggestions_are_the_same(views: Views, text: str) -> None:
    for limit in (1, 4, 12):
        stored, held = [await each.suggestions(text, limit=limit) for each in views.boards]
        assert stored == held


@pytest.mark.parametrize(
    "timeline_query",
    [
        TimelineQuery(),
        TimelineQuery(watch=ONE),
        TimelineQuery(watch="nobody"),
        TimelineQuery(by="ann"),
        TimelineQuery(by="main"),
        TimelineQuery(watch=ONE, by="zoe"),
        *(TimelineQuery(kinds=frozenset({kind})) for kind in EntryKind),
        TimelineQuery(watch=ONE, kinds=frozenset({EntryKind.ROLLOUT, EntryKind.OUTCOME})),
    ],
)
async def test_a_timeline_is_the_same_page_by_page(views: Views, timeline_query: TimelineQuery) -> None:
    before = None
    for _ in range(3):
        stored, held = [await each.entries(replace(timeline_query, before=before), limit=7) for each in views.boards]
        assert stored == held
        if not stored:
            break
        before = (stored[-1].at, stored[-1].key)


async def test_the_same_people_are_named(views: Views) -> None:
    stored, held = [await each.people() for each in views.boards]
    assert stored == held
    assert {"ann", "zoe"} <= set(stored)


@pytest.mark.parametrize("acceptance", [None, *Acceptance])
@pytest.mark.parametrize("source", ["", "main", "hub", "nobody"])
async def test_a_page_of_deliveries_is_the_same(views: Views, source: str, acceptance: Acceptance | None) -> None:
    before = None
    for _ in range(2):
        stored, held = [
            await each.deliveries(source=source, acceptance=acceptance, before=before, limit=5) for each in views.boards
        ]
        assert stored == held
        if not stored.deliveries:
            break
        before = (stored.deliveries[-1].received_at, stored.deliveries[-1].delivery_id)


async def test_a_watchs_tags_and_rollouts_are_the_same(views: Views) -> None:
    for watch, tag in ((ONE, "v1.5.0"), (ONE, "v9.9.9"), ("nobody", "v9.9.9")):
        stored_tag, held_tag = [await each.tag(watch, tag) for each in views.boards]
        assert stored_tag == held_tag
    for watch, limit in ((ONE, ALL), (ONE, 1), ("nobody", 9)):
        stored, held = [await each.rollouts_of(watch, limit=limit) for each in views.boards]
        assert stored == held


async def test_watches_and_rollouts_are_read_the_same(views: Views) -> None:
    store, memory = views.both_queries
    assert await store.watches() == await memory.watches()
    for name in (ONE, "nobody"):
        assert await store.watch(name) == await memory.watch(name)
    for limit in (1, 10, ALL):
        assert await store.rollouts(limit=limit) == await memory.rollouts(limit=limit)
    for rollout_id in ((await store.rollouts(limit=1))[0].rollout_id, uuid4()):
        assert await store.rollout(rollout_id) == await memory.rollout(rollout_id)
    assert await store.outages() == await memory.outages()
