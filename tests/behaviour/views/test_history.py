"""The history that reconciles leave for the pages: the decision's short form, when a tag appeared, and missed
webhooks."""

from app.adapters.postgres.ingest.inbox import PostgresInbox
from app.adapters.postgres.views.board import PostgresBoard
from app.domain.condition import Condition
from app.domain.timeline import EntryKind
from app.services.ingest.replay import replay
from app.services.views.board import Search, TimelineQuery, condition
from tests.line import Line


async def hold(running: Line, name: str = "app") -> tuple[str, str]:
    """The decision's short form, as stored on the watch and as stored on the decision."""
    return await running.rows.hold_and_decision(name)


async def test_a_watch_stores_the_short_form_of_its_decision(running: Line) -> None:
    await running.configure(running.watch("app"))
    await running.held("app", "unusable")
    assert await hold(running) == ("unusable", "unusable")
    await running.start()
    assert await hold(running) == ("up_to_date", "up_to_date")
    await running.switch("app", on=False)
    await running.push("app", "v1.1.0")
    await running.held("app", "auto_deploy_off")
    assert await hold(running) == ("auto_deploy_off", "auto_deploy_off")
    listing = await PostgresBoard(running.database).listing(Search(), offset=0, limit=9)
    assert [condition(watch) for watch in listing.watches] == [Condition.HELD]
    await running.configure(running.watch("app", job="other"))
    await running.held("app", "unusable")
    assert await hold(running) == ("unusable", "unusable")


async def test_a_tag_found_after_the_first_check_has_its_time(running: Line) -> None:
    await running.start()
    board = PostgresBoard(running.database)
    assert (await board.tag("app", "v1.0.0")).first_found_at is None
    await running.push("app", "v1.1.0", notify=False)
    await running.push("app", "main")
    await running.quiet()
    found = await running.rows.found_tags()
    assert [row["tag"] for row in found] == ["main", "v1.1.0"]
    shown = await board.tag("app", "v1.1.0")
    assert shown.first_found_at == found[1]["first_found_at"]
    assert shown.digest == (await running.rows.desired())[1]
    await running.make_due_and_wake()
    await running.quiet()
    assert await running.rows.found_tags() == found


async def test_a_timeline_goes_from_the_push_to_the_outcome(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    entries = await PostgresBoard(running.database).entries(TimelineQuery(watch="app"), limit=99)
    timeline = [entry for entry in reversed(entries) if entry.digest == second]
    kinds = [entry.kind for entry in timeline]
    assert kinds.index(EntryKind.WEBHOOK) < kinds.index(EntryKind.DECISION)
    assert kinds.index(EntryKind.DECISION) < kinds.index(EntryKind.OUTCOME)
    decisions = [entry for entry in timeline if entry.kind is EntryKind.DECISION]
    assert [entry.found_by for entry in decisions if entry.found_by] == ["webhook"]
    assert decisions[0].found_by == "webhook"
    rollouts = {entry.rollout_id for entry in timeline if entry.kind in (EntryKind.ROLLOUT, EntryKind.OUTCOME)}
    assert len(rollouts) == 1


async def test_a_decision_that_a_person_or_an_undo_caused_has_no_finder(running: Line) -> None:
    first = await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    await running.outcome(await running.rollback((await running.rows.rollouts())[0]["rollout_id"]))
    await running.quiet()
    third = await running.push("app", "test", notify=False)
    await running.deliver("team/app", "test", third)
    await running.quiet()
    await running.outcome(await running.deploy("app", "test"))
    await running.quiet()
    entries = await PostgresBoard(running.database).entries(TimelineQuery(watch="app"), limit=99)
    decisions = [entry for entry in entries if entry.kind is EntryKind.DECISION]
    assert {first, second, third} <= {entry.digest for entry in decisions}
    assert [(entry.digest, entry.found_by) for entry in decisions if entry.found_by] == [(second, "webhook")]


async def test_a_webhook_counts_as_missed_where_others_arrived(running: Line) -> None:
    await running.start()
    board = PostgresBoard(running.database)

    async def missed() -> list[str]:
        read = await board.deliveries(source="", acceptance=None, before=None, limit=9)
        return [each.tag for each in read.missed]

    first = await running.push("app", "v1.1.0", notify=False)
    await running.poll()
    await running.deployed("app", f"team/app:v1.1.0@{first}")
    assert await missed() == []
    second = await running.push("app", "v1.2.0")
    await running.deployed("app", f"team/app:v1.2.0@{second}")
    third = await running.push("app", "v1.3.0", notify=False)
    await running.poll()
    await running.deployed("app", f"team/app:v1.3.0@{third}")
    assert await missed() == ["v1.3.0"]
    await running.deliver("team/app", "v1.3.0", third)
    assert await missed() == []


async def test_a_replayed_delivery_is_checked_and_answered_again(running: Line) -> None:
    digest = await running.start()
    delivery_id = await running.deliver("team/app", "v1.0.0", digest)
    await running.quiet()
    await running.rows.answer_events("of before")
    inbox = PostgresInbox(running.database, patience=30.0)
    reply = await replay(inbox, running.waker, delivery_id, by="somebody", parse=None)
    assert reply.message == "Replayed 1 event for app"
    await running.quiet()
    (row,) = await running.rows.answers()
    assert (row["answer"], row["settled_at"] is not None) == ("v1.0.0 runs", True)
    assert running.images("app") == []
