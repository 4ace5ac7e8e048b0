"""Who, when and why of a person's command: in the message of the hold, in the audit log and in the timeline."""

import re

import pytest

from app.adapters.postgres.views.board import PostgresBoard
from app.domain.timeline import EntryKind
from app.services.commands import rollouts, watches
from app.services.views.board import TimelineQuery
from tests.line import Line

SINCE = r"since \d{4}-\d\d-\d\d \d\d:\d\d UTC"


async def whys(running: Line) -> list[tuple[str, str]]:
    """The actor and the reason of each command in the timeline of everything, oldest first."""
    query = TimelineQuery(kinds=frozenset({EntryKind.COMMAND}))
    entries = await PostgresBoard(running.database).entries(query, limit=50)
    return [(entry.by, entry.why) for entry in reversed(entries)]


async def test_a_pause_says_who_since_when_and_why_once(running: Line) -> None:
    await running.start()
    await watches.switch(running.operator, paused=True, by="ann", reason="the fair\nuntil 18:00")
    await running.push("app", "v1.1.0")
    message = await running.held("app", "paused")
    assert re.fullmatch(
        f"everything is paused by ann {SINCE}: the fair until 18:00; resume, and the rule would deploy v1.1.0", message
    )
    assert await whys(running) == [("ann", "the fair until 18:00")]
    situation = await PostgresBoard(running.database).situation()
    assert (situation.paused_by, situation.paused_reason) == ("ann", "the fair until 18:00")
    before = len(await running.rows.decision_counts())
    for _ in range(3):
        await running.make_due_and_wake()
        await running.quiet()
    assert len(await running.rows.decision_counts()) == before
    await watches.switch(running.operator, paused=False, by="bob")
    await watches.switch(running.operator, paused=True, by="bob")
    await running.quiet()
    assert (await PostgresBoard(running.database).situation()).paused_reason == "", "a reason ends with its pause"


async def test_a_second_pause_keeps_the_first_reason_and_says_so(running: Line) -> None:
    await watches.switch(running.operator, paused=True, by="ann", reason="the fair")
    reply = await watches.switch(running.operator, paused=True, by="bob", reason="lunch")
    assert "this reason is not stored" in reply.message
    situation = await PostgresBoard(running.database).situation()
    assert (situation.paused_by, situation.paused_reason) == ("ann", "the fair")


async def test_switching_off_says_who_since_when_and_why(running: Line) -> None:
    await running.start()
    await watches.set_rule(running.operator, "app", by="ann", auto_deploy=False, reason="load test")
    await running.push("app", "v1.1.0")
    message = await running.held("app", "auto_deploy_off")
    assert re.match(f"auto deploy is off, switched off by ann {SINCE}: load test; v1.1.0 is deployed", message)
    assert await running.notifications("auto_deploy_toggled") == [
        "Turned off auto deployment for repo app: by ann: load test"
    ]
    await watches.set_rule(running.operator, "app", by="bob", auto_deploy=False)
    await running.quiet()
    assert (await running.hold("app"))[1] == message, "the same again changes nothing"


async def test_a_pin_says_who_since_when_and_why_until_releases_are_followed_again(running: Line) -> None:
    await running.start()
    await running.push("app", "v1.1.0")
    await running.quiet()
    await watches.set_rule(running.operator, "app", by="ann", pinned_tag="v1.0.0", reason="v1.1.0 leaks")
    await running.quiet()
    message = await running.held("app", "up_to_date")
    assert re.fullmatch(f"v1.0.0 runs; it is pinned by ann {SINCE}: v1.1.0 leaks", message)
    await watches.set_rule(running.operator, "app", by="bob", auto_deploy=True, reason="not about the pin")
    await running.quiet()
    assert (await running.hold("app"))[1] == message
    await watches.set_rule(running.operator, "app", by="bob", pinned_tag="")
    await running.quiet()
    assert (await running.hold("app"))[1] == "v1.1.0 runs"
    assert ("ann", "v1.1.0 leaks") in await whys(running)


async def test_a_rollback_and_the_release_of_its_hold_say_why(running: Line) -> None:
    await running.start()
    await running.push("app", "v1.1.0")
    await running.quiet()
    (newest,) = await PostgresBoard(running.database).rollouts_of("app", limit=1)
    await rollouts.rollback(running.operator, newest.rollout_id, by="ann", reason="it leaks")
    await running.quiet()
    message = await running.held("app", "rolled_back")
    assert re.match(r"ann rolled back to v1\.0\.0 on \d{4}-\d\d-\d\d \d\d:\d\d UTC: it leaks; an image newer", message)
    await watches.release_hold(running.operator, "app", by="bob", reason="fixed in the proxy")
    await running.quiet()
    assert await whys(running) == [("ann", "it leaks"), ("bob", "fixed in the proxy")]


@pytest.mark.parametrize("by", ["", "ann"])
async def test_without_a_reason_who_and_when_are_said(running: Line, by: str) -> None:
    await running.start()
    await watches.switch(running.operator, paused=True, by=by)
    await running.push("app", "v1.1.0")
    message = await running.held("app", "paused")
    who = f"by {by} " if by else ""
    assert re.fullmatch(f"everything is paused {who}{SINCE}; resume, and the rule would deploy v1.1.0", message)
