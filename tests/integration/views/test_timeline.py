"""Timelines, deliveries and tags in Postgres: newest first, page by page, and filtered."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.views.board import PostgresBoard
from app.adapters.postgres.wakeup.retention import PostgresRetention
from app.domain.acceptance import Acceptance
from app.domain.decision import HoldReason
from app.domain.rollout import OutcomeKind
from app.domain.timeline import EntryKind
from app.services.commands.audit import AuditAction
from app.services.views.board import TagView, TimelineEntry, TimelineQuery
from tests.integration.statements import execute
from tests.seeded_watches import name_of, seed_watches

DIGEST = "sha256:" + "a" * 64
BEGIN = datetime(2026, 1, 2, tzinfo=UTC)

DELIVERY = """
INSERT INTO deliveries (delivery_id, source, received_at, size, ignored, duplicates, oddities, acceptance)
VALUES ($1, $2, $3, 7, 1, $4, $5, $6)
"""
EVENT = """
WITH told AS (
  INSERT INTO events (delivery_id, source, action, path, tag, digest) VALUES ($1, $2, $3, 'team/app', $4, $5)
  RETURNING event_id)
INSERT INTO event_watches (event_id, watch_name, known_at) SELECT event_id, name, $7 FROM told, unnest($6::text[]) name
"""


@pytest.fixture
async def board(database: Database) -> PostgresBoard:
    await seed_watches(database, 12, tags=4)
    return PostgresBoard(database)


async def delivered(
    database: Database,
    source: str = "main",
    *,
    at: datetime = BEGIN,
    acceptance: Acceptance = Acceptance.IGNORED,
    duplicates: int = 0,
    oddities: tuple[dict[str, str], ...] = (),
) -> UUID:
    delivery_id = uuid4()
    await execute(database, DELIVERY, delivery_id, source, at, duplicates, list(oddities), acceptance.value)
    return delivery_id


async def pages(board: PostgresBoard, query: TimelineQuery, size: int) -> list[TimelineEntry]:
    """All entries of the query, page by page."""
    found: list[TimelineEntry] = []
    while page := await board.entries(
        TimelineQuery(
            watch=query.watch,
            kinds=query.kinds,
            by=query.by,
            before=(found[-1].at, found[-1].key) if found else None,
        ),
        limit=size,
    ):
        assert len(page) <= size
        found += page
    return found


@pytest.mark.parametrize("watch", ["", name_of(5)], ids=["of all", "of one"])
async def test_pages_of_a_timeline_hold_everything_once_newest_first(board: PostgresBoard, watch: str) -> None:
    whole = await board.entries(TimelineQuery(watch=watch), limit=10_000)
    assert await pages(board, TimelineQuery(watch=watch), 3) == list(whole)
    assert [(entry.at, entry.key) for entry in whole] == sorted(((e.at, e.key) for e in whole), reverse=True)
    assert len({entry.key for entry in whole}) == len(whole)
    assert {entry.kind for entry in whole} == set(EntryKind) - {EntryKind.COMMAND}
    if watch:
        assert {entry.watch for entry in whole} == {watch}
    for kind in EntryKind:
        some = await board.entries(TimelineQuery(watch=watch, kinds=frozenset({kind})), limit=10_000)
        assert list(some) == [entry for entry in whole if entry.kind is kind]
    for by in ("ann", "bob", "main", "nobody"):
        some = await board.entries(TimelineQuery(watch=watch, by=by), limit=10_000)
        assert list(some) == [entry for entry in whole if entry.by == by]


async def test_entries_of_one_moment_are_each_listed_one_time(database: Database, board: PostgresBoard) -> None:
    for _ in range(3):
        delivery_id = await delivered(database, acceptance=Acceptance.ACCEPTED)
        for tag in ("v1", "v2", "v3"):
            await execute(database, EVENT, delivery_id, "main", "push", tag, DIGEST, [name_of(1), name_of(2)], BEGIN)
    query = TimelineQuery(kinds=frozenset({EntryKind.WEBHOOK}), before=(BEGIN + timedelta(seconds=1), ""))
    whole = await board.entries(query, limit=100)
    assert len(whole) == 18
    assert len({entry.key for entry in whole}) == 18
    for size in (1, 5):
        assert len(await pages(board, TimelineQuery(watch=name_of(1), kinds=query.kinds), size)) == 10


async def test_a_webhook_entry_has_the_pushed_tag_and_its_delivery(database: Database, board: PostgresBoard) -> None:
    delivery_id = await delivered(database, "hub", acceptance=Acceptance.ACCEPTED)
    await execute(database, EVENT, delivery_id, "hub", "push", "v1.2.0", DIGEST, [name_of(1)], BEGIN)
    await execute(database, EVENT, delivery_id, "hub", "delete", "v1.1.0", None, [], BEGIN)
    odd = await delivered(database, "hub", acceptance=Acceptance.QUARANTINED, at=BEGIN - timedelta(hours=1))
    assert odd
    gone, pushed = await board.entries(TimelineQuery(by="hub"), limit=9)
    assert (pushed.message, pushed.watch, pushed.by) == ("pushed team/app:v1.2.0", name_of(1), "hub")
    assert (pushed.tag, pushed.digest, pushed.delivery_id) == ("v1.2.0", DIGEST, delivery_id)
    assert (gone.message, gone.watch, gone.digest) == ("deleted team/app:v1.1.0", "", "")
    assert (await board.entries(TimelineQuery(watch=name_of(1), by="hub"), limit=9))[0].message == pushed.message


async def test_decisions_rollouts_and_outcomes_have_their_details(board: PostgresBoard) -> None:
    """Watch 12 holds back, and is polled."""
    decisions = await board.entries(TimelineQuery(watch=name_of(12), kinds=frozenset({EntryKind.DECISION})), limit=9)
    (decision,) = decisions
    assert decision.reason is HoldReason.FAILED_BEFORE
    assert (decision.message, decision.tag, decision.reconciles) == ("v1.3.0 is decided: failed before", "v1.3.0", 40)
    assert (decision.found_by, decision.by) == ("poll", "")
    assert decision.last_at is not None
    (deploy,) = await board.entries(TimelineQuery(watch=name_of(8), kinds=frozenset({EntryKind.DECISION})), limit=9)
    assert (deploy.reason, deploy.found_by) == (None, "webhook")

    rule, asked, first = await board.entries(
        TimelineQuery(watch=name_of(12), kinds=frozenset({EntryKind.ROLLOUT})), limit=9
    )
    assert (asked.message, asked.by, asked.tag) == ("deploys v1.1.0", "ann", "v1.1.0")
    assert (rule.message, rule.by) == ("the rule deploys v1.2.0: it follows releases", "")
    ends = await board.entries(TimelineQuery(watch=name_of(12), kinds=frozenset({EntryKind.OUTCOME})), limit=9)
    assert [end.rollout_id for end in ends] == [rule.rollout_id, asked.rollout_id, first.rollout_id]
    assert (ends[-1].outcome, ends[-1].message) == (OutcomeKind.FAILED, "an allocation failed: exit code 1")


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        ("reset", "resets to v1.1.0"),
        ("rollback", "rolls back to v1.1.0"),
        ("undo", "restores v1.1.0, because the rollout after it failed"),
    ],
)
async def test_a_rollout_entry_has_its_actor(
    database: Database, board: PostgresBoard, origin: str, message: str
) -> None:
    await execute(database, "UPDATE rollouts SET origin = $1 WHERE intent = 2", origin)
    entries = await board.entries(TimelineQuery(watch=name_of(12), kinds=frozenset({EntryKind.ROLLOUT})), limit=9)
    assert entries[1].message == message


async def test_a_rollout_of_several_watches_is_an_entry_of_each(database: Database, board: PostgresBoard) -> None:
    await execute(
        database,
        "INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced) "
        "SELECT rollout_id, $1, 'v9', '', false FROM rollouts JOIN targets USING (target_id) "
        "WHERE intent = 3 AND job_id = $2",
        name_of(1),
        name_of(2),
    )
    (newest, *_) = await board.entries(TimelineQuery(watch=name_of(1), kinds=frozenset({EntryKind.ROLLOUT})), limit=1)
    everywhere = await board.entries(TimelineQuery(kinds=frozenset({EntryKind.ROLLOUT})), limit=999)
    assert {each.watch for each in everywhere if each.rollout_id == newest.rollout_id} == {name_of(1), name_of(2)}


async def test_commands_belong_to_a_watch_or_to_all(database: Database, board: PostgresBoard) -> None:
    for watch, action, by in ((name_of(1), "pin", "zoe"), (None, "pause", "zoe"), (name_of(2), "check", "")):
        await execute(
            database,
            "INSERT INTO audit_log (watch_name, action, actor, detail) VALUES ($1, $2, $3, $2 || ' it')",
            watch,
            action,
            by,
        )
    message = await board.entries(TimelineQuery(kinds=frozenset({EntryKind.COMMAND})), limit=9)
    assert [(each.watch, each.action, each.by, each.message) for each in message] == [
        (name_of(2), AuditAction.CHECK, "", "check it"),
        ("", AuditAction.PAUSE, "zoe", "pause it"),
        (name_of(1), AuditAction.PIN, "zoe", "pin it"),
    ]
    (own,) = await board.entries(TimelineQuery(watch=name_of(1), by="zoe"), limit=9)
    assert own.action is AuditAction.PIN
    assert await board.people() == ("ann", "bob", "zoe")


async def test_without_commands_there_are_no_people(database_url: str) -> None:
    database = Database(database_url)
    assert await PostgresBoard(database).people() == ()
    assert await PostgresBoard(database).entries(TimelineQuery(), limit=9) == ()
    await database.close()


async def test_deliveries_are_listed_by_source_and_by_what_became_of_them(
    database: Database, board: PostgresBoard
) -> None:
    made: dict[UUID, tuple[str, Acceptance]] = {}
    for number, acceptance in enumerate([*Acceptance] * 3):
        source = ("hub", "main")[number % 2]
        at = BEGIN + timedelta(minutes=number // 3)
        made[await delivered(database, source, at=at, acceptance=acceptance)] = (source, acceptance)
    for source in ("", "hub", "main"):
        for acceptance in (None, *Acceptance):
            found: list[UUID] = []
            before = (BEGIN + timedelta(hours=1), UUID(int=0))
            while page := (
                await board.deliveries(source=source, acceptance=acceptance, before=before, limit=2)
            ).deliveries:
                found += [each.delivery_id for each in page]
                before = (page[-1].received_at, page[-1].delivery_id)
            assert len(found) == len(set(found))
            assert set(found) == {
                each for each, (by, kind) in made.items() if source in ("", by) and acceptance in (None, kind)
            }
    assert (await board.deliveries(source="nobody", acceptance=None, before=None, limit=9)).deliveries == ()


async def test_a_delivery_is_one_line(database: Database, board: PostgresBoard) -> None:
    oddities = ({"where": "events[1]", "problem": "has no 'action'"}, {"where": "body", "problem": "x"})
    now = datetime.now(UTC) + timedelta(hours=1)
    odd = await delivered(database, "hub", at=now, acceptance=Acceptance.QUARANTINED, duplicates=2, oddities=oddities)
    for tag in ("v1", "v2", "v3", "v4"):
        await execute(database, EVENT, odd, "hub", "push", tag, None, [], now)
    await execute(database, "INSERT INTO unknown_sources (source) VALUES ('harbor')")
    read = await board.deliveries(source="", acceptance=None, before=None, limit=1)
    (line,) = read.deliveries
    assert (line.delivery_id, line.source, line.acceptance) == (odd, "hub", Acceptance.QUARANTINED)
    assert (line.events, line.ignored, line.duplicates, line.size) == (4, 1, 2, 7)
    assert line.what == ("team/app:v1", "team/app:v2", "team/app:v3")
    assert line.oddity == "events[1]: has no 'action'"
    harbor, hub, main = read.sources
    assert (harbor.source, harbor.day) == ("harbor", {})
    assert (hub.last_at, hub.day[Acceptance.QUARANTINED], hub.day[Acceptance.ACCEPTED]) == (now, 1, 0)
    assert (main.source, main.day[Acceptance.ACCEPTED]) == ("main", 12)


async def test_what_polling_found_of_a_repository_that_sends_webhooks_was_missed(
    database: Database, board: PostgresBoard
) -> None:
    """Every third watch was polled; each was told by a webhook of that very tag a moment before."""

    async def missed() -> list[str]:
        return [
            each.watch for each in (await board.deliveries(source="", acceptance=None, before=None, limit=1)).missed
        ]

    assert await missed() == []
    await execute(database, "UPDATE events SET tag = 'v0.1.0'")
    assert await missed() == [name_of(3), name_of(6), name_of(9), name_of(12)]
    await execute(database, "DELETE FROM event_watches WHERE watch_name = $1", name_of(6))
    await execute(
        database,
        "UPDATE found_digests SET first_found_at = first_found_at - interval '1 day' WHERE watch_name = $1",
        name_of(9),
    )
    assert await missed() == [name_of(3), name_of(12)]


async def test_a_tag_shows_its_digest_from_the_best_source(database: Database, board: PostgresBoard) -> None:
    assert (await board.tag(name_of(1), "v1.0.0")) == TagView(tag="v1.0.0", first_found_at=None, digest="")
    assert (await board.tag("nobody", "v1.0.0")).digest == ""
    assert (await board.tag(name_of(1), "v1\0")).digest == ""
    await execute(
        database,
        "UPDATE watches SET digest_tags = '{\"d-past\": \"a\"}', desired_tag = 'd', desired_digest = 'd-desired', "
        """specified = '[{"task": "g/t", "tag":"b", "digest": "b-runs"}, {"task": "g/u", "tag":"e", "digest":""}]' """
        "WHERE name = $1",
        name_of(1),
    )
    await execute(
        database,
        "INSERT INTO found_digests (watch_name, tag, digest, first_found_at) VALUES ($1, 'c', 'c-old', $2), "
        "($1, 'c', 'c-new', $3), ($1, 'd', 'd-old', $3)",
        name_of(1),
        BEGIN,
        BEGIN + timedelta(days=1),
    )
    found = {tag: (await board.tag(name_of(1), tag)).digest for tag in "abcde"}
    assert found == {"a": "d-past", "b": "b-runs", "c": "c-new", "d": "d-desired", "e": ""}
    await execute(database, "INSERT INTO found_tags VALUES ($1, 'c', $2)", name_of(1), BEGIN)
    assert (await board.tag(name_of(1), "c")).first_found_at == BEGIN


async def test_what_is_old_is_forgotten(database: Database, board: PostgresBoard) -> None:
    await execute(
        database, "INSERT INTO audit_log (action, recorded_at) VALUES ('pause', $1), ('resume', now())", BEGIN
    )
    await execute(database, "INSERT INTO found_tags VALUES ($1, 'old', $2), ($1, 'new', now())", name_of(1), BEGIN)
    await delivered(database, "hub")
    await delivered(database, "main", at=datetime.now(UTC))
    await execute(database, "UPDATE audit_log SET recorded_at = now() - interval '40 days' WHERE action = 'pause'")
    await execute(database, "UPDATE found_tags SET first_found_at = now() - interval '40 days' WHERE tag = 'old'")
    await execute(database, "UPDATE deliveries SET received_at = now() - interval '40 days' WHERE source = 'hub'")
    assert await PostgresRetention(database).forget(days=30) == 3
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT array_agg(action) FROM audit_log") == ["resume"]
        assert await connection.fetchval("SELECT array_agg(tag) FROM found_tags") == ["new"]
        assert await connection.fetchval("SELECT array_agg(DISTINCT source) FROM deliveries") == ["main"]
