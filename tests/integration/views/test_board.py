"""The pages' queries: watches by need and by search, with a fixed number of statements."""

import asyncio
import itertools
from collections import Counter
from contextlib import suppress
from itertools import product

import pytest

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.views.board import PostgresBoard
from app.adapters.postgres.views.queries import PostgresQueries
from app.domain.condition import DEPLOY, OF_DECISION, RANKS, UNDECIDED, Condition
from app.domain.decision import HoldReason
from app.services.views.board import Listing, Search, TimelineQuery, condition
from app.services.views.queries import WatchView
from app.web.pages.repositories import ListQuery
from tests.integration.statements import execute
from tests.integration.views.test_queries import Counting
from tests.seeded_watches import name_of, seed_watches

ALL = 1000


@pytest.fixture
async def board(database: Database) -> PostgresBoard:
    """A hundred watches, in every state that there is."""
    await seed_watches(database, 100, tags=4)
    return PostgresBoard(database)


async def named(board: PostgresBoard, name: str) -> WatchView:
    return next(watch for watch in (await everything(board)).watches if watch.name == name)


async def everything(board: PostgresBoard, *terms: str) -> Listing:
    return await board.listing(Search(terms=terms), offset=0, limit=ALL)


async def test_the_seeds_are_in_every_condition_and_hold_for_every_reason(
    database: Database, board: PostgresBoard
) -> None:
    watches = await PostgresQueries(database).watches()
    assert {condition(watch) for watch in watches} == set(Condition)
    reasons = {watch.decision.reason for watch in watches if watch.decision}
    assert reasons == {None, *HoldReason}
    assert any(watch.decision is None for watch in watches)


async def test_watches_come_by_need_then_in_the_configurations_order(database: Database, board: PostgresBoard) -> None:
    configured = await PostgresQueries(database).watches()
    by_need = sorted(configured, key=lambda watch: list(Condition).index(condition(watch)))
    listing = await everything(board)
    assert [watch.name for watch in listing.watches] == [watch.name for watch in by_need]
    assert listing.found == 100
    assert Counter(condition(watch) for watch in listing.watches) == Counter(listing.counts)
    assert (listing.watches[0].tags, listing.watches[0].failed) == ((), ())
    searched = await everything(board, "svc")
    assert (searched.watches, searched.counts, searched.found) == (listing.watches, listing.counts, 100)


async def test_counts_agree_with_the_rows_while_the_rows_change(database: Database, board: PostgresBoard) -> None:
    """A reconcile that commits between the statement that counts and the one that reads the rows."""

    async def changes() -> None:
        for number in itertools.count():
            async with database.connection() as connection:
                await connection.execute(_FLIP, "no answer" if number % 2 else "")

    changing = asyncio.create_task(changes())
    try:
        for search in [Search(), Search(terms=("svc",)), Search(conditions=frozenset({Condition.OUTAGE}))] * 40:
            listing = await board.listing(search, offset=0, limit=ALL)
            shown = Counter(condition(watch) for watch in listing.watches)
            counted = {each: n for each, n in listing.counts.items() if each in (search.conditions or listing.counts)}
            assert shown == Counter(counted)
            assert listing.found == len(listing.watches)
    finally:
        changing.cancel()
        with suppress(asyncio.CancelledError):
            await changing


_FLIP = "UPDATE watches SET outage = $1 WHERE position % 3 = 0"
_SIGNS = """
UPDATE watches SET
  outage = CASE WHEN $1 & 1 > 0 THEN 'outages' ELSE '' END, missing_image = CASE WHEN $1 & 2 > 0 THEN 'gone' ELSE '' END
"""
_TARGETS = "UPDATE targets SET outage = CASE WHEN $1 & 4 > 0 THEN 'no leader' ELSE '' END"
_ROLLOUTS = """
UPDATE rollouts SET state = CASE WHEN $1 & 1 > 0 THEN 'submitted' ELSE 'ended' END,
  outcome = CASE WHEN $1 & 1 = 0 THEN 'succeeded' END, ended_at = CASE WHEN $1 & 1 = 0 THEN now() END,
  deployment = CASE $1 / 2 WHEN 0 THEN '{}' WHEN 1 THEN '{"awaits_promotion": true}' ELSE
    jsonb_build_object('deployment_id', 'd', 'phase', 'active', 'description', '', 'desired', 1, 'placed', 1,
      'healthy', 1, 'unhealthy', 0, 'canaries', 1, 'awaits_promotion', true) END
"""


@pytest.mark.parametrize("terms", [(), ("svc",)], ids=["all", "searched"])
async def test_every_sign_with_every_decision_is_sorted_as_it_is_shown(
    database: Database, terms: tuple[str, ...]
) -> None:
    """The statements are made from the domain's tables; what they find agrees with the rule for each combination."""
    await seed_watches(database, len(OF_DECISION), tags=1)
    board = PostgresBoard(database)
    await execute(database, "DELETE FROM rollouts r USING watches w WHERE w.target_id = r.target_id AND r.intent > 1")
    for number, decision in enumerate(OF_DECISION, start=1):
        change = """
          WITH made AS (
            INSERT INTO decisions (watch_name, kind, reason, message, tag, digest)
            SELECT $2::text, CASE $1 WHEN 'deploy' THEN $1 ELSE 'hold' END, $1, '', '', '' WHERE $1 <> ''
            RETURNING decision_id)
          UPDATE watches SET hold = $1::text, decision_id = (SELECT decision_id FROM made) WHERE name = $2
        """
        await execute(database, change, str(decision), name_of(number))
    for signs, rollout in product(range(8), range(6)):
        await execute(database, _SIGNS, signs)
        await execute(database, _TARGETS, signs)
        await execute(database, _ROLLOUTS, rollout)
        listing = await everything(board, *terms)
        by_name = {watch.name: watch for watch in listing.watches}
        expected = sorted(by_name, key=lambda name: (RANKS[condition(by_name[name])], name))
        assert [watch.name for watch in listing.watches] == expected, (signs, rollout)
        assert Counter(condition(watch) for watch in listing.watches) == +Counter(listing.counts), (signs, rollout)
        assert len(by_name) == len(OF_DECISION)
        decided = {str(each.decision.reason or DEPLOY) if each.decision else UNDECIDED for each in listing.watches}
        assert decided == set(OF_DECISION)


async def test_an_older_rollout_that_is_still_open_says_nothing(database: Database, board: PostgresBoard) -> None:
    """A watch that moved to another job: what is under way at the old one is not its newest."""
    await execute(database, "UPDATE rollouts SET ended_at = NULL, outcome = NULL WHERE intent = 1 AND target_id = 50")
    watch = await named(board, name_of(50))
    assert condition(watch) is Condition.CURRENT
    listing = await board.listing(Search(conditions=frozenset({Condition.CURRENT})), offset=0, limit=ALL)
    assert watch in listing.watches


@pytest.mark.parametrize("terms", [(), ("svc",)], ids=["all", "searched"])
async def test_pages_and_conditions_cut_the_same_list(board: PostgresBoard, terms: tuple[str, ...]) -> None:
    whole = (await everything(board, *terms)).watches
    pages = [await board.listing(Search(terms=terms), offset=at, limit=7) for at in range(0, 105, 7)]
    assert tuple(watch for page in pages for watch in page.watches) == whole
    assert {page.found for page in pages} == {100}
    desired = frozenset({Condition.HELD, Condition.PROMOTION})
    some = await board.listing(Search(terms=terms, conditions=desired), offset=1, limit=3)
    assert some.watches == tuple(watch for watch in whole if condition(watch) in desired)[1:4]
    assert some.found == sum(condition(watch) in desired for watch in whole)
    assert sum(some.counts.values()) == 100


async def test_what_is_not_configured_any_more_is_nowhere(database: Database, board: PostgresBoard) -> None:
    await execute(database, "UPDATE watches SET present = false WHERE position <= 50")
    for listing in (await everything(board), await everything(board, "svc")):
        assert (len(listing.watches), listing.found, sum(listing.counts.values())) == (50, 50, 50)
    for terms in ((), ("svc-0009",), ("nothing",), ("\0",)):
        assert (await board.listing(Search(terms=terms), offset=0, limit=1)).total == 50
    assert {each.text for each in await board.suggestions("svc-000", limit=99) if not each.is_tag} == {
        name_of(number) for number in range(51, 100)
    }


async def found(board: PostgresBoard, *terms: str) -> set[str]:
    return {watch.name for watch in (await everything(board, *terms)).watches}


async def test_a_term_is_found_in_everything_that_names_a_watch(database: Database, board: PostgresBoard) -> None:
    for number, change in enumerate(
        (
            "name = name",
            "repository_host = 'Needle.example'",
            "repository_path = 'team/needle'",
            "desired_tag = 'a-NEEDLE'",
            "pinned_tag = 'needle'",
            "tags = '{v1.0.0,aNeedle,needle-b}'",
            """specified = '[{"task": "a/b", "image": "", "tag": "needles", "digest": ""}]'""",
            """specified = '[{"task": "a/b", "image": "", "tag": "v1", "digest": ""},
              {"task": "a/c", "image": "", "tag": "needle", "digest": ""}]'""",
            """specified = '[{"task": "needle/needle", "image": "needle", "tag": "v1", "digest": "needle"}]'""",
        ),
        start=10,
    ):
        await execute(database, f"UPDATE watches SET {change} WHERE name = $1", name_of(number))
    holders = {name_of(number) for number in range(11, 18)}
    assert await found(board, "nEEdle") == holders
    assert await found(board, "needle", "00013") == {name_of(13)}
    assert await found(board, "needle", "v1.0.0", "team/svc") == holders - {name_of(12)}
    listing = await everything(board, "needle")
    assert listing.matched_tags == {name_of(15): "aNeedle"}
    assert (await everything(board, "needle", "v1.0")).matched_tags[name_of(15)] in ("v1.0.0", "aNeedle")


async def test_each_word_of_a_search_may_match_in_another_field(database: Database, board: PostgresBoard) -> None:
    """The name has the first word, and one of the tags the second."""
    query = ListQuery(text="00021 v1.4.7").search
    await execute(database, "UPDATE watches SET tags = '{v1.4.7}' WHERE name = ANY($1)", [name_of(21), name_of(22)])
    listing = await board.listing(query, offset=0, limit=ALL)
    assert [watch.name for watch in listing.watches] == [name_of(21)]
    assert listing.matched_tags == {name_of(21): "v1.4.7"}


@pytest.mark.parametrize("term", ["%", "_", "svc%", "svc_0", "\\", "'", '"', "[", "]", ",", "*", ".*", "\0", "\ud800"])
async def test_no_character_is_special(board: PostgresBoard, term: str) -> None:
    assert await found(board, term) == set()
    assert await board.suggestions(term, limit=9) == () or term == "*"


async def test_a_character_that_names_have_is_found_as_it_is(database: Database, board: PostgresBoard) -> None:
    await execute(database, "UPDATE watches SET pinned_tag = '50%_\\x' WHERE name = $1", name_of(30))
    for term in ("0%_", "%", "_\\X"):
        assert await found(board, term) == {name_of(30)}
    await execute(database, "UPDATE watches SET pinned_tag = 'λ🚀' WHERE name = $1", name_of(31))
    assert await found(board, "🚀") == {name_of(31)}


async def test_names_are_suggested_before_tags_and_what_begins_with_it_first(
    database: Database, board: PostgresBoard
) -> None:
    await execute(database, "UPDATE watches SET tags = '{SVC-a,x-svc-1,z-svc-1}' WHERE position <= 2")
    await execute(database, "UPDATE watches SET tags = '{z-svc-1}' WHERE position = 3")
    suggested = await board.suggestions("svc", limit=10)
    assert [each.text for each in suggested[:7]] == [name_of(number) for number in range(1, 8)]
    assert [(each.text, each.watches) for each in suggested[7:]] == [("SVC-a", 2), ("z-svc-1", 3), ("x-svc-1", 2)]
    tags = await board.suggestions("V1.2", limit=10)
    assert [(each.text, each.is_tag, each.watches) for each in tags] == [("v1.2.0", True, 97)]
    assert len(await board.suggestions("", limit=6)) == 6
    assert len(await board.suggestions("1", limit=1)) == 1


async def test_the_situation_has_the_values_of_every_page(database: Database, board: PostgresBoard) -> None:
    await execute(database, "UPDATE switches SET paused = true, changed_by = 'ann'")
    await execute(database, "INSERT INTO unknown_sources (source, deliveries) VALUES ('harbor', 3)")
    await execute(
        database,
        "WITH made AS (INSERT INTO notifications (kind, headline) VALUES ('failed', 'x') RETURNING notification_id) "
        "INSERT INTO notification_deliveries (notification_id, channel, attempts) "
        "SELECT notification_id, channel, 2 FROM made, unnest(ARRAY['ops', 'chat']) channel",
    )
    situation = await board.situation()
    assert (situation.paused, situation.paused_by, situation.unsent_notifications) == (True, "ann", 1)
    assert [each.name for each in situation.outages] == ["Nomad jobs", "registry main"]
    assert [each.source for each in situation.unknown_sources] == ["harbor"]


async def test_a_watchs_rollouts_come_newest_first(database: Database, board: PostgresBoard) -> None:
    watch = await named(board, name_of(5))
    rollouts = await board.rollouts_of(name_of(5), limit=3)
    assert rollouts[0] == watch.rollout
    assert [each.created_at for each in rollouts] == sorted((each.created_at for each in rollouts), reverse=True)
    assert len(await board.rollouts_of(name_of(5), limit=9)) == 4
    assert await board.rollouts_of("nobody\0", limit=9) == ()


async def test_pages_take_as_many_statements_for_many_watches(database_url: str, database: Database) -> None:
    taken: list[list[int]] = []
    for count in (10, 1000):
        await execute(
            database,
            "TRUNCATE targets, watches, decisions, found_digests, failures, rollouts, rollout_watches, deliveries, "
            "events, event_watches, found_tags CASCADE",
        )
        await seed_watches(database, count, tags=3)
        counting = Counting(database)
        board = PostgresBoard(counting)
        counts = []
        for ask in (
            board.situation(),
            board.listing(Search(), offset=0, limit=100),
            board.listing(Search(terms=("svc", "v1")), offset=0, limit=100),
            board.suggestions("v", limit=9),
            board.entries(TimelineQuery(), limit=50),
            board.entries(TimelineQuery(watch=name_of(5)), limit=50),
            board.deliveries(source="", acceptance=None, before=None, limit=50),
        ):
            before = counting.statements
            await ask
            counts.append(counting.statements - before)
        taken.append(counts)
    assert taken == [[5, 3, 4, 2, 6, 6, 3]] * 2
