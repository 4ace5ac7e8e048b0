"""Notices reach people: once as a rule, again after a crash, later when Slack is away, and never lost meanwhile."""

import asyncio
import itertools
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from app.adapters.notifiers.slack import SlackNotifier
from app.adapters.postgres.notices import PostgresNotices, add_notice
from app.adapters.postgres.pool import Database
from app.domain.notice import Notice, NoticeKind
from app.errors import Permanent, Transient
from app.http import open_client
from app.services.announce import Announcer, announce
from app.services.compose import Addresses
from tests.pauses import READ, written_down
from tests.servers.recorder import recording


@dataclass
class People:
    """A Notifier: fails with `failures` first, one for each attempt, then hears."""

    failures: list[BaseException] = field(default_factory=list)
    heard: list[Notice] = field(default_factory=list)
    asked: int = 0

    async def send(self, notice: Notice) -> None:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        await asyncio.sleep(0)
        self.heard.append(notice)


class Killed(BaseException):
    """The worker dies here: nothing of ours handles it."""


NO_ADDRESSES = Addresses(page="", nomad="")


@pytest.fixture
def notices(database: Database) -> PostgresNotices:
    return PostgresNotices(database)


def announcer(notices: PostgresNotices, people: People | None) -> Announcer:
    return Announcer(notices=notices, notifier=people, addresses=Addresses(page="https://w", nomad="https://n"))


async def added(database: Database, headline: str = "Deploying app v1") -> int:
    async with database.transaction() as connection:
        return await add_notice(connection, kind=NoticeKind.DEPLOYING, headline=headline, watch_names=("app",))


async def write_pauses_down(database: Database) -> None:
    async with database.connection() as connection:
        for statement in written_down("notices", "next_attempt_at"):
            await connection.execute(statement)


async def pauses(database: Database) -> list[int]:
    """How long the notices were put off each time, in whole seconds; a test lets time pass backwards only."""
    async with database.connection() as connection:
        return [round(row["seconds"]) for row in await connection.fetch(READ)]


async def state(database: Database, notice_id: int) -> dict[str, object]:
    async with database.connection() as connection:
        row = await connection.fetchrow(
            "SELECT sent_at IS NOT NULL AS sent, dead_at IS NOT NULL AS dead, attempts, last_error,"
            " next_attempt_at FROM notices WHERE notice_id = $1",
            notice_id,
        )
    return dict(row)


async def pass_time(database: Database, seconds: float) -> None:
    """As if the database's clock had moved on."""
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE notices SET created_at = created_at - $1 * interval '1 second',"
            " next_attempt_at = next_attempt_at - $1 * interval '1 second',"
            " lease_until = lease_until - $1 * interval '1 second', rung_at = rung_at - $1 * interval '1 second'",
            seconds,
        )


async def test_a_notice_is_composed_and_sent_once(database: Database, notices: PostgresNotices) -> None:
    rollout_id = uuid4()
    async with database.transaction() as connection:
        notice_id = await add_notice(
            connection,
            kind=NoticeKind.FAILED,
            headline="app v1: failed",
            detail="unhealthy",
            watch_names=("app",),
            rollout_id=rollout_id,
            job_id="web",
            namespace="ops",
        )
    people = People()
    await announce(announcer(notices, people), notice_id)
    await announce(announcer(notices, people), notice_id)
    (heard,) = people.heard
    assert (heard.kind, heard.headline) == (NoticeKind.FAILED, "❌ app v1: failed")
    assert heard.detail.startswith("unhealthy\n")
    assert [link.url for link in heard.links] == [f"https://w/rollouts/{rollout_id}", "https://n/ui/jobs/web@ops"]
    assert (await state(database, notice_id))["sent"]


async def test_what_is_rolled_back_is_never_told(database: Database, notices: PostgresNotices) -> None:
    async with database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        notice_id = await add_notice(connection, kind=NoticeKind.DEPLOYING, headline="no")
        await transaction.rollback()
    people = People()
    await announce(announcer(notices, people), notice_id)
    assert people.asked == 0


async def test_many_workers_at_once_send_it_once(database: Database, notices: PostgresNotices) -> None:
    notice_id, people = await added(database), People()
    await asyncio.gather(*(announce(announcer(notices, people), notice_id) for _ in range(8)))
    assert people.asked == 1


async def test_a_worker_killed_while_sending_is_followed_by_another(
    database: Database, notices: PostgresNotices
) -> None:
    notice_id = await added(database)
    with pytest.raises(Killed):
        await announce(announcer(notices, People(failures=[Killed()])), notice_id)
    people = People()
    await announce(announcer(notices, people), notice_id)
    assert people.asked == 0
    await pass_time(database, 8)
    assert await notices.overdue(10) == [notice_id]
    await announce(announcer(notices, people), notice_id)
    assert len(people.heard) == 1
    await pass_time(database, 3600)
    assert await notices.overdue(10) == []


async def test_a_worker_that_slept_past_its_lease_does_not_disturb_the_next(
    database: Database, notices: PostgresNotices
) -> None:
    notice_id = await added(database)
    slept = await notices.claim(notice_id, lease=8)
    assert slept is not None
    await pass_time(database, 8)
    people = People()
    await announce(announcer(notices, people), notice_id)
    await notices.put_off(slept, seconds=5, error="woke up")
    assert (await state(database, notice_id))["sent"]
    assert len(people.heard) == 1


async def test_slack_is_down_for_a_while_and_then_up(database: Database, notices: PostgresNotices) -> None:
    notice_id = await added(database)
    people = People(failures=[Transient("away") for _ in range(12)])
    await write_pauses_down(database)
    for attempt in range(1, 13):
        await announce(announcer(notices, people), notice_id)
        now = await state(database, notice_id)
        assert (now["sent"], now["dead"], now["attempts"], now["last_error"]) == (False, False, attempt, "away")
        if attempt > 6:  # it is not due: so long a pause is over on no machine
            await announce(announcer(notices, people), notice_id)
        await pass_time(database, 300)
    assert people.asked == 12
    assert await pauses(database) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    await announce(announcer(notices, people), notice_id)
    assert len(people.heard) == 1
    assert (await state(database, notice_id))["last_error"] == ""


@pytest.mark.parametrize(("asked_for", "pause"), [(30.0, 30), (0.2, 1), (90_000.0, 3600)])
async def test_what_slack_asks_for_is_honoured_within_reason(
    database: Database, notices: PostgresNotices, asked_for: float, pause: int
) -> None:
    notice_id = await added(database)
    await write_pauses_down(database)
    await announce(announcer(notices, People(failures=[Transient("slow", retry_after=asked_for)])), notice_id)
    assert await pauses(database) == [pause]


async def test_a_silent_slack_is_not_waited_for_past_the_lease(database: Database, notices: PostgresNotices) -> None:
    class Silence:
        async def send(self, notice: Notice) -> None:
            await asyncio.Event().wait()

    notice_id = await added(database)
    await announce(Announcer(notices=notices, notifier=Silence(), addresses=NO_ADDRESSES, sending=0.01), notice_id)
    assert (await state(database, notice_id))["last_error"] == "it took longer than 0.01 s"


async def test_an_outage_of_a_month_loses_nothing(database: Database, notices: PostgresNotices) -> None:
    notice_id = await added(database)
    await pass_time(database, 30 * 86_400)
    people = People(failures=[Transient("away")])
    await announce(announcer(notices, people), notice_id)
    await pass_time(database, 10)
    await announce(announcer(notices, people), notice_id)
    assert len(people.heard) == 1


async def test_a_refusal_is_retried_rarely_for_three_days_and_then_shown_as_dead(
    database: Database, notices: PostgresNotices
) -> None:
    notice_id = await added(database)
    people = People(failures=[Permanent("no_service"), Permanent("no_service"), Permanent("no_service")])
    await write_pauses_down(database)
    await announce(announcer(notices, people), notice_id)
    assert (await state(database, notice_id))["dead"] is False
    await pass_time(database, 60)
    await announce(announcer(notices, people), notice_id)
    assert await pauses(database) == [60, 120]
    await pass_time(database, 3 * 86_400)
    await announce(announcer(notices, people), notice_id)
    last = await state(database, notice_id)
    assert (last["dead"], last["sent"], last["last_error"], last["next_attempt_at"]) == (
        True,
        False,
        "no_service",
        None,
    )
    assert await notices.overdue(10) == []


async def test_a_mended_address_brings_what_was_refused(database: Database, notices: PostgresNotices) -> None:
    notice_id, people = await added(database), People(failures=[Permanent("no_service")])
    await announce(announcer(notices, people), notice_id)
    await pass_time(database, 60)
    await announce(announcer(notices, people), notice_id)
    assert len(people.heard) == 1


async def test_without_a_notifier_notices_do_not_pile_up(database: Database, notices: PostgresNotices) -> None:
    notice_id = await added(database)
    await announce(announcer(notices, None), notice_id)
    now = await state(database, notice_id)
    assert (now["dead"], now["last_error"]) == (True, "no notifier is configured")


async def test_the_sweeper_rings_in_order_and_not_again_within_three_seconds(
    database: Database, notices: PostgresNotices
) -> None:
    first, second, third = [await added(database) for _ in range(3)]
    assert await notices.overdue(10) == []
    await pass_time(database, 3)
    assert await notices.claim(second, lease=8) is not None
    assert await notices.overdue(1) == [first]
    assert await notices.overdue(10) == [third]
    assert await notices.overdue(10) == []
    await pass_time(database, 3)
    assert await notices.overdue(10) == [first, third]


async def test_two_sweepers_at_once_ring_each_notice_once(database: Database, notices: PostgresNotices) -> None:
    ids = [await added(database) for _ in range(20)]
    await pass_time(database, 3)
    found = await asyncio.gather(*(notices.overdue(20) for _ in range(4)))
    assert sorted(itertools.chain.from_iterable(found)) == ids


async def test_others_words_are_stored_bounded_and_whatever_they_hold(
    database: Database, notices: PostgresNotices
) -> None:
    notice_id, people = await added(database, "a\0b \ud800 " + "x" * 9000), People()
    await announce(announcer(notices, people), notice_id)
    assert people.heard[0].headline.startswith("🚀 ab ? xxx")
    assert len(people.heard[0].headline) < 310


async def test_end_to_end_to_something_that_speaks_slacks_form(database: Database, notices: PostgresNotices) -> None:
    notice_id = await added(database)
    with recording(answers=[503]) as slack:
        async with open_client() as client:
            told = Announcer(notices=notices, notifier=SlackNotifier(client, slack.url), addresses=NO_ADDRESSES)
            await announce(told, notice_id)
            assert (await state(database, notice_id))["last_error"] == "Slack answered 503"
            await pass_time(database, 1)
            await announce(told, notice_id)
        received = slack.wait_for(lambda requests: len(requests) == 2)
    assert [each.status for each in received] == [503, 200]
    assert b"Deploying app v1" in received[1].body
    assert (await state(database, notice_id))["sent"]
