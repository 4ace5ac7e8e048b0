"""What is shown of a delivery: its events, and what became of each."""

from uuid import UUID

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.ingest.inbox import PostgresInbox
from tests.contract.inboxes import InPostgres
from tests.integration.ingest.deliveries import DIGEST, HOST, delivery, pushed


async def test_the_result_of_an_event_is_shown(database: Database) -> None:
    around = InPostgres(PostgresInbox(database, patience=20.0), database)
    await around.add_watch("app", host=HOST, path="team/app")
    sent, rollout = delivery(pushed(1)), UUID(int=7)
    await around.inbox.store(sent)
    before = await around.inbox.read(sent.delivery_id)
    assert before is not None
    (answer,) = before.events[0].answers
    assert (answer.settled_at, answer.answer, answer.decision, answer.rollout_id) == (None, "", "", None)
    async with database.transaction() as connection:
        decision = await connection.fetchval(
            "INSERT INTO decisions (watch_name, kind, reason, message, tag, digest, rollout_id)"
            " VALUES ('app', 'deploy', 'deploy', 'v1 is newer', 'v1', $1, $2) RETURNING decision_id",
            DIGEST,
            rollout,
        )
        settle = "UPDATE event_watches SET settled_at = now(), answer = 'the tag shows it', decision_id = $1"
        await connection.execute(settle, decision)

    view = await around.inbox.read(sent.delivery_id)

    assert view is not None
    (answer,) = view.events[0].answers
    assert (answer.answer, answer.decision, answer.rollout_id) == ("the tag shows it", "v1 is newer", rollout)
    assert answer.settled_at is not None


async def test_an_event_that_concerns_no_watch_is_shown_too(database: Database) -> None:
    inbox = PostgresInbox(database, patience=20.0)
    sent = delivery(pushed(1, path="team/unwatched"))
    await inbox.store(sent)
    view = await inbox.read(sent.delivery_id)
    assert view is not None
    assert [(each.event, each.answers) for each in view.events] == [(pushed(1, path="team/unwatched"), ())]


async def test_events_come_as_they_were_stored_and_their_watches_by_name(database: Database) -> None:
    around = InPostgres(PostgresInbox(database, patience=20.0), database)
    for name in ("c", "a", "b"):
        await around.add_watch(name, host=HOST, path="team/app")
    sent = delivery(*(pushed(number) for number in range(9)))
    await around.inbox.store(sent)
    view = await around.inbox.read(sent.delivery_id)
    assert view is not None
    assert [each.event.event_id for each in view.events] == [f"event-{number}" for number in range(9)]
    assert [[answer.watch for answer in each.answers] for each in view.events] == [["a", "b", "c"]] * 9
