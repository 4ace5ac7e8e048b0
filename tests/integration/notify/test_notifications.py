"""Notifications reach people: normally one time, again after a crash, later when Slack is away, and never lost."""

import asyncio
import itertools
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from app.adapters.notifiers.slack import SlackChannel
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.notify.channels import PostgresChannels
from app.adapters.postgres.notify.notifications import PostgresNotifications, add_notifications
from app.domain.message import Message
from app.domain.notification import Notification, NotificationKind, Subject
from app.errors import Permanent, Transient
from app.outbound.client import open_client
from app.ports import Channel
from app.services.notify.channels import sync_channels
from app.services.notify.compose import Addresses
from app.services.notify.send import Notifier, notify
from tests.requeue_delays import READ, recorded
from tests.servers.recorder import recording


@dataclass
class People:
    """A channel with people behind it: fails with `failures` first, one for each attempt, then receives."""

    failures: list[BaseException] = field(default_factory=list)
    received: list[Message] = field(default_factory=list)
    attempts: int = 0

    async def send(self, message: Message) -> None:
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        await asyncio.sleep(0)
        self.received.append(message)


class Killed(BaseException):
    """The worker dies here: nothing of ours handles it."""


@pytest.fixture
async def store(database: Database) -> PostgresNotifications:
    await configure(database, "ops")
    return PostgresNotifications(database)


async def configure(database: Database, *names: str) -> None:
    await sync_channels(PostgresChannels(database), names)


def notifier(store: PostgresNotifications, people: Channel | None = None, **channels: Channel) -> Notifier:
    """With these people behind the channel `ops`, and others behind more channels."""
    known = {"ops": people, **channels} if people else channels
    return Notifier(notifications=store, channels=known, addresses=Addresses(page="https://w", nomad="https://n"))


def deploying(headline: str) -> Notification:
    return Notification(kind=NotificationKind.DEPLOYING, headline=headline, subject=Subject(watch_names=("app",)))


async def added(database: Database, headline: str = "Deploying app v1") -> int:
    """The delivery of a notification to the one channel."""
    (delivery_id,) = await added_to_all(database, headline)
    return delivery_id


async def added_to_all(database: Database, headline: str = "Deploying app v1") -> list[int]:
    async with database.transaction() as connection:
        return await add_notifications(connection, deploying(headline))


async def write_pauses_down(database: Database) -> None:
    async with database.connection() as connection:
        for statement in recorded("notification_deliveries", "next_attempt_at"):
            await connection.execute(statement)


async def requeue_delays(database: Database) -> list[int]:
    """How long the notifications were put off each time, in whole seconds; a test lets time pass backwards only."""
    async with database.connection() as connection:
        return [round(row["seconds"]) for row in await connection.fetch(READ)]


async def state(database: Database, delivery_id: int) -> dict[str, object]:
    async with database.connection() as connection:
        row = await connection.fetchrow(
            "SELECT channel, sent_at IS NOT NULL AS sent, given_up_at IS NOT NULL AS given_up, attempts, problem,"
            " next_attempt_at FROM notification_deliveries WHERE notification_delivery_id = $1",
            delivery_id,
        )
    return dict(row)


async def pass_time(database: Database, seconds: float) -> None:
    """As if the database's clock had moved on."""
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE notifications SET created_at = created_at - $1 * interval '1 second'",
            seconds,
        )
        await connection.execute(
            "UPDATE notification_deliveries SET next_attempt_at = next_attempt_at - $1 * interval '1 second',"
            " lease_until = lease_until - $1 * interval '1 second', woken_at = woken_at - $1 * interval '1 second'",
            seconds,
        )


async def test_a_notification_is_composed_and_sent_once(database: Database, store: PostgresNotifications) -> None:
    rollout_id = uuid4()
    subject = Subject(watch_names=("app",), rollout_id=rollout_id, job_id="web", namespace="ops")
    failed = Notification(kind=NotificationKind.FAILED, headline="app v1: failed", detail="unhealthy", subject=subject)
    async with database.transaction() as connection:
        (delivery_id,) = await add_notifications(connection, failed)
    people = People()
    await notify(notifier(store, people), delivery_id)
    await notify(notifier(store, people), delivery_id)
    (received,) = people.received
    assert (received.kind, received.headline) == (NotificationKind.FAILED, "app v1: failed")
    assert received.detail.startswith("unhealthy\n")
    assert [link.url for link in received.links] == [f"https://w/rollouts/{rollout_id}", "https://n/ui/jobs/web@ops"]
    assert (await state(database, delivery_id))["sent"]


async def test_a_notification_of_a_failed_transaction_is_never_sent(
    database: Database, store: PostgresNotifications
) -> None:
    async with database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        (delivery_id,) = await add_notifications(connection, deploying("no"))
        await transaction.rollback()
    people = People()
    await notify(notifier(store, people), delivery_id)
    assert people.attempts == 0


async def test_many_workers_at_once_send_it_once(database: Database, store: PostgresNotifications) -> None:
    delivery_id, people = await added(database), People()
    await asyncio.gather(*(notify(notifier(store, people), delivery_id) for _ in range(8)))
    assert people.attempts == 1


async def test_a_worker_killed_while_sending_is_followed_by_another(
    database: Database, store: PostgresNotifications
) -> None:
    delivery_id = await added(database)
    with pytest.raises(Killed):
        await notify(notifier(store, People(failures=[Killed()])), delivery_id)
    people = People()
    await notify(notifier(store, people), delivery_id)
    assert people.attempts == 0
    await pass_time(database, 8)
    assert await store.overdue(10) == [delivery_id]
    await notify(notifier(store, people), delivery_id)
    assert len(people.received) == 1
    await pass_time(database, 3600)
    assert await store.overdue(10) == []


async def test_a_worker_that_slept_past_its_lease_does_not_disturb_the_next(
    database: Database, store: PostgresNotifications
) -> None:
    delivery_id = await added(database)
    slept = await store.claim(delivery_id, lease=8)
    assert slept is not None
    await pass_time(database, 8)
    people = People()
    await notify(notifier(store, people), delivery_id)
    await store.requeue(slept, seconds=5, problem="woke up")
    assert (await state(database, delivery_id))["sent"]
    assert len(people.received) == 1


async def test_slack_is_down_for_a_while_and_then_up(database: Database, store: PostgresNotifications) -> None:
    delivery_id = await added(database)
    people = People(failures=[Transient("outages") for _ in range(12)])
    await write_pauses_down(database)
    for attempt in range(1, 13):
        await notify(notifier(store, people), delivery_id)
        now = await state(database, delivery_id)
        assert (now["sent"], now["given_up"], now["attempts"], now["problem"]) == (False, False, attempt, "outages")
        if attempt > 6:  # it is not due: so long a pause is over on no machine
            await notify(notifier(store, people), delivery_id)
        await pass_time(database, 300)
    assert people.attempts == 12
    assert await requeue_delays(database) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    await notify(notifier(store, people), delivery_id)
    assert len(people.received) == 1
    assert (await state(database, delivery_id))["problem"] == ""


@pytest.mark.parametrize(("retry_after", "pause"), [(30.0, 30), (0.2, 1), (90_000.0, 3600)])
async def test_slacks_retry_after_is_honoured_within_bounds(
    database: Database, store: PostgresNotifications, retry_after: float, pause: int
) -> None:
    delivery_id = await added(database)
    await write_pauses_down(database)
    await notify(notifier(store, People(failures=[Transient("slow", retry_after=retry_after)])), delivery_id)
    assert await requeue_delays(database) == [pause]


async def test_a_silent_slack_is_not_waited_for_past_the_lease(
    database: Database, store: PostgresNotifications
) -> None:
    class Silence:
        async def send(self, message: Message) -> None:
            await asyncio.Event().wait()

    delivery_id = await added(database)
    await notify(
        Notifier(
            notifications=store, channels={"ops": Silence()}, addresses=Addresses(page="", nomad=""), sending=0.01
        ),
        delivery_id,
    )
    assert (await state(database, delivery_id))["problem"] == "it took longer than 0.01 s"


async def test_an_outage_of_a_month_loses_nothing(database: Database, store: PostgresNotifications) -> None:
    delivery_id = await added(database)
    await pass_time(database, 30 * 86_400)
    people = People(failures=[Transient("outages")])
    await notify(notifier(store, people), delivery_id)
    await pass_time(database, 10)
    await notify(notifier(store, people), delivery_id)
    assert len(people.received) == 1


async def test_a_refusal_is_retried_rarely_for_three_days_and_then_shown_as_dead(
    database: Database, store: PostgresNotifications
) -> None:
    delivery_id = await added(database)
    people = People(failures=[Permanent("no_service"), Permanent("no_service"), Permanent("no_service")])
    await write_pauses_down(database)
    await notify(notifier(store, people), delivery_id)
    assert (await state(database, delivery_id))["given_up"] is False
    await pass_time(database, 60)
    await notify(notifier(store, people), delivery_id)
    assert await requeue_delays(database) == [60, 120]
    await pass_time(database, 3 * 86_400)
    await notify(notifier(store, people), delivery_id)
    last = await state(database, delivery_id)
    assert (last["given_up"], last["sent"], last["problem"], last["next_attempt_at"]) == (
        True,
        False,
        "no_service",
        None,
    )
    assert await store.overdue(10) == []


async def test_a_fixed_address_receives_the_refused_notifications(
    database: Database, store: PostgresNotifications
) -> None:
    delivery_id, people = await added(database), People(failures=[Permanent("no_service")])
    await notify(notifier(store, people), delivery_id)
    await pass_time(database, 60)
    await notify(notifier(store, people), delivery_id)
    assert len(people.received) == 1


async def test_without_a_channel_notifications_do_not_pile_up(database: Database, store: PostgresNotifications) -> None:
    await configure(database)
    assert await added_to_all(database) == []
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT *, given_up_at IS NOT NULL AS given_up FROM notification_deliveries")
    assert (row["channel"], row["given_up"], row["problem"]) == ("", True, "no channel is configured")
    await pass_time(database, 3600)
    assert await store.overdue(10) == []
    assert not await notify(notifier(store), row["notification_delivery_id"])


async def test_every_channel_has_a_delivery_of_its_own(database: Database, store: PostgresNotifications) -> None:
    await configure(database, "ops", "chat")
    to_chat, to_ops = await added_to_all(database)
    ops, chat = People(), People(failures=[Transient("outages")])
    both = notifier(store, ops, chat=chat)
    for delivery_id in (to_chat, to_ops):
        await notify(both, delivery_id)
    assert [message.headline for message in ops.received] == ["Deploying app v1"]
    assert (await state(database, to_chat))["problem"] == "outages"
    assert (await state(database, to_ops))["sent"]
    await pass_time(database, 3)
    assert await store.overdue(10) == [to_chat]
    await notify(both, to_chat)
    assert ([message.headline for message in chat.received], ops.attempts) == (["Deploying app v1"], 1)


async def test_a_channel_that_is_added_gets_only_what_comes_after(
    database: Database, store: PostgresNotifications
) -> None:
    before = await added_to_all(database)
    await configure(database, "ops", "chat")
    after = await added_to_all(database)
    assert [(await state(database, each))["channel"] for each in before] == ["ops"]
    assert [(await state(database, each))["channel"] for each in after] == ["chat", "ops"]


async def test_what_is_open_for_a_removed_channel_is_given_up_with_a_reason(
    database: Database, store: PostgresNotifications
) -> None:
    sent, waiting = await added(database), await added(database)
    people = People()
    await notify(notifier(store, people), sent)
    slow = await store.claim(waiting, lease=8)
    await configure(database, "chat")
    now = await state(database, waiting)
    assert (now["given_up"], now["problem"]) == (True, "the channel was removed from the configuration")
    assert (await state(database, sent))["given_up"] is False
    assert slow is not None
    await store.requeue(slow, seconds=5, problem="woke up")
    assert (await state(database, waiting))["problem"] == "the channel was removed from the configuration"
    await pass_time(database, 3600)
    assert await store.overdue(10) == []


async def test_a_process_that_does_not_know_the_channel_leaves_it_to_others(
    database: Database, store: PostgresNotifications
) -> None:
    delivery_id = await added(database)
    await notify(notifier(store, chat=People()), delivery_id)
    now = await state(database, delivery_id)
    assert (now["given_up"], str(now["problem"]).partition(";")[0]) == (False, "this process has no channel ops")
    await pass_time(database, 60)
    people = People()
    await notify(notifier(store, people), delivery_id)
    assert len(people.received) == 1


async def test_the_sweeper_wakes_in_order_and_not_again_within_three_seconds(
    database: Database, store: PostgresNotifications
) -> None:
    first, second, third = [await added(database) for _ in range(3)]
    assert await store.overdue(10) == []
    await pass_time(database, 3)
    assert await store.claim(second, lease=8) is not None
    assert await store.overdue(1) == [first]
    assert await store.overdue(10) == [third]
    assert await store.overdue(10) == []
    await pass_time(database, 3)
    assert await store.overdue(10) == [first, third]


async def test_two_concurrent_sweepers_wake_each_notification_one_time(
    database: Database, store: PostgresNotifications
) -> None:
    ids = [await added(database) for _ in range(20)]
    await pass_time(database, 3)
    found = await asyncio.gather(*(store.overdue(20) for _ in range(4)))
    assert sorted(itertools.chain.from_iterable(found)) == ids


async def test_foreign_text_is_stored_bounded_whatever_it_contains(
    database: Database, store: PostgresNotifications
) -> None:
    delivery_id, people = await added(database, "a\0b \ud800 " + "x" * 9000), People()
    await notify(notifier(store, people), delivery_id)
    assert people.received[0].headline.startswith("ab ? xxx")
    assert len(people.received[0].headline) < 310


async def test_end_to_end_to_something_that_speaks_slacks_form(
    database: Database, store: PostgresNotifications
) -> None:
    delivery_id = await added(database)
    with recording(answers=[503]) as slack:
        async with open_client() as client:
            notifier = Notifier(
                notifications=store,
                channels={"ops": SlackChannel(client, slack.url)},
                addresses=Addresses(page="", nomad=""),
            )
            await notify(notifier, delivery_id)
            assert (await state(database, delivery_id))["problem"] == "Slack answered 503; it is tried again"
            await pass_time(database, 1)
            await notify(notifier, delivery_id)
        received = slack.wait_for(lambda requests: len(requests) == 2)
    assert [each.status for each in received] == [503, 200]
    assert b"Deploying app v1" in received[1].body
    assert (await state(database, delivery_id))["sent"]
