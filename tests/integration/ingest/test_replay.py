"""A delivery once more: for the watches of now, by the parser of now, and told with who asked for it."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.ingest.inbox import PostgresInbox
from app.adapters.postgres.views.board import PostgresBoard
from app.domain.acceptance import Acceptance, Content, acceptance_of
from app.domain.event import EventAction, Oddity, Parsed, PushEvent
from app.errors import Rejected
from app.services.commands.audit import AuditAction
from app.services.ingest.receive import Delivery, DeliveryView, receive
from app.services.ingest.replay import replay
from app.services.views.board import TimelineQuery
from app.webhooks import DIALECTS
from app.webhooks.dialect import Parser
from tests.fakes.waker import InProcessWaker
from tests.integration.commands.test_watches import APP, OTHER, SIDECAR

DIGEST = "sha256:" + "a" * 64
ODD = Oddity(where="events[1]", problem="has no 'action'")


def event(tag: str = "v1.0.0", *, path: str = "team/app", event_id: str | None = "e1") -> PushEvent:
    return PushEvent(
        action=EventAction.PUSH, host="registry.example", path=path, tag=tag, digest=DIGEST, event_id=event_id
    )


def reads(*events: PushEvent, ignored: int = 0, oddities: tuple[Oddity, ...] = ()) -> Parser:
    """A parser that finds just this."""

    def parse(headers: Mapping[str, str], body: bytes) -> Parsed:
        assert body == b"{}"
        return Parsed(events=events, ignored=ignored, oddities=oddities)

    return parse


@dataclass
class Post:
    """A store with three watches, and the deliveries that came in."""

    database: Database
    inbox: PostgresInbox
    waker: InProcessWaker

    async def came(
        self,
        *events: PushEvent,
        body: bytes | None = None,
        oddities: tuple[Oddity, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> UUID:
        parsed = Parsed(events=events, oddities=oddities)
        delivery = Delivery(delivery_id=uuid4(), source="main", size=2, parsed=parsed, body=body, headers=headers or {})
        await receive(self.inbox, self.waker, delivery)
        return delivery.delivery_id

    async def replayed(self, delivery_id: UUID, parse: Parser | None = None) -> str:
        return (await replay(self.inbox, self.waker, delivery_id, by="ann", parse=parse)).message

    async def view(self, delivery_id: UUID) -> DeliveryView:
        found = await self.inbox.read(delivery_id)
        assert found is not None
        return found

    async def acceptance(self, delivery_id: UUID) -> Acceptance:
        read = await PostgresBoard(self.database).deliveries(source="", acceptance=None, before=None, limit=9)
        return next(each.acceptance for each in read.deliveries if each.delivery_id == delivery_id)

    async def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        async with self.database.connection() as connection:
            return [dict(row) for row in await connection.fetch(query, *values)]

    async def settle(self) -> None:
        """As looks do."""
        await self.rows("UPDATE event_watches SET settled_at = now(), answer = 'done', attempts = 3, decision_id = 7")
        await self.rows("UPDATE targets SET due_at = NULL, inspect_job = false")
        await self.rows("DELETE FROM wakes")
        self.waker.wakes.clear()


@pytest.fixture
async def post(database_url: str) -> AsyncIterator[Post]:
    database = Database(database_url, size=4)
    await PostgresWatches(database).sync([APP, SIDECAR, OTHER], at_start=False)
    yield Post(database=database, inbox=PostgresInbox(database, patience=30.0), waker=InProcessWaker())
    await database.close()


async def open_answers(post: Post) -> list[str]:
    rows = await post.rows(
        "SELECT watch_name FROM event_watches WHERE settled_at IS NULL AND answer = '' AND attempts = 0 "
        "AND decision_id IS NULL ORDER BY 1"
    )
    return [row["watch_name"] for row in rows]


async def test_its_answers_are_open_again_and_its_targets_due(post: Post) -> None:
    delivery_id = await post.came(event())
    await post.settle()
    assert await post.replayed(delivery_id) == "Replayed 1 event for app, other"
    assert await open_answers(post) == ["app", "other"]
    due = await post.rows("SELECT target_id FROM wakes ORDER BY 1")
    assert sorted(post.waker.wakes) == [("reconcile", str(row["target_id"])) for row in due]
    assert len(due) == 2
    (entry,) = await PostgresBoard(post.database).entries(TimelineQuery(by="ann"), limit=9)
    assert (entry.action, entry.watch, entry.delivery_id) == (AuditAction.REPLAY, "", delivery_id)
    assert entry.message == "1 event for app, other"
    assert await post.acceptance(delivery_id) is Acceptance.ACCEPTED


async def test_it_concerns_the_watches_of_now(post: Post) -> None:
    delivery_id = await post.came(event(path="team/new"))
    assert await post.replayed(delivery_id) == "Replayed 1 event that concern no watch"
    assert post.waker.wakes == []
    new = replace(APP, name="new", repository=replace(APP.repository, path="team/new"))
    await PostgresWatches(post.database).sync([new, SIDECAR], at_start=False)
    assert await post.replayed(delivery_id) == "Replayed 1 event for new"
    assert await open_answers(post) == ["new"]
    many = [replace(new, name=f"new-{number}") for number in range(7)]
    await PostgresWatches(post.database).sync(many, at_start=False)
    assert await post.replayed(delivery_id) == "Replayed 1 event for new-0, new-1, new-2, new-3, new-4 and 2 more"


async def test_what_was_odd_is_read_again(post: Post) -> None:
    delivery_id = await post.came(event(event_id="e1"), event("v0", event_id=None), body=b"{}", oddities=(ODD,))
    await post.came(event("v3", event_id="e3"))
    await post.settle()
    assert await post.acceptance(delivery_id) is Acceptance.QUARANTINED
    found = (
        event(event_id="e1"),
        event("v0", event_id=None),
        event("v2", event_id="e2"),
        event("v3", event_id="e3"),
        event("v4", event_id=None),
    )
    message = await post.replayed(delivery_id, reads(*found, ignored=4, oddities=(replace(ODD, where="events[9]"),)))
    assert message == "Replayed 4 events for app, other; part of it is still odd"
    view = await post.view(delivery_id)
    assert sorted(each.event.tag for each in view.events) == ["v0", "v1.0.0", "v2", "v4"]
    assert (view.ignored, view.duplicates, [each.where for each in view.oddities]) == (4, 1, ["events[9]"])
    assert await post.acceptance(delivery_id) is Acceptance.QUARANTINED
    assert len(await open_answers(post)) == 8

    assert await post.replayed(delivery_id, reads(*found)) == "Replayed 4 events for app, other"
    assert await post.acceptance(delivery_id) is Acceptance.ACCEPTED
    assert [
        row["body"] for row in await post.rows("SELECT body FROM deliveries WHERE delivery_id = $1", delivery_id)
    ] == [None]
    assert await post.replayed(delivery_id) == "Replayed 4 events for app, other"


@pytest.mark.parametrize(
    ("parse", "acceptance"),
    [
        (reads(ignored=1), Acceptance.IGNORED),
        (reads(event(event_id="known")), Acceptance.DUPLICATE),
        (reads(oddities=(ODD,)), Acceptance.QUARANTINED),
        (reads(event("bad\0tag")), Acceptance.QUARANTINED),
    ],
    ids=["of no use", "known", "odd", "unstorable"],
)
async def test_a_body_may_hold_nothing_to_act_on(post: Post, parse: Parser, acceptance: Acceptance) -> None:
    await post.came(event(event_id="known"))
    await post.settle()
    delivery_id = await post.came(body=b"{}", oddities=(ODD,))
    assert (await post.replayed(delivery_id, parse)).startswith("Replayed 0 events to act on")
    assert await post.acceptance(delivery_id) is acceptance
    assert post.waker.wakes == []


async def test_a_real_body_is_read_without_its_headers(post: Post) -> None:
    delivery = {
        "events": [
            {"id": "e7", "action": "push", "target": {"repository": "team/app", "tag": "v7", "digest": DIGEST}},
        ]
    }
    parsed = DIALECTS["distribution"].parse({"content-type": "text/plain"}, json.dumps(delivery).encode())
    assert parsed.oddities
    delivery_id = await post.came(body=json.dumps(delivery).encode(), oddities=parsed.oddities)
    assert await post.replayed(delivery_id, DIALECTS["distribution"].parse) == "Replayed 1 event for app, other"
    assert (await post.view(delivery_id)).oddities == ()


@pytest.mark.parametrize("events", [(), (event("v0"),)], ids=["without events", "with events"])
async def test_a_body_is_read_with_the_headers_that_were_kept(post: Post, events: tuple[PushEvent, ...]) -> None:
    sent = {"x-event": "push", "x-name": "schlüssel"}
    delivery_id = await post.came(*events, body=b"odd", oddities=(ODD,), headers=sent)
    received: list[Mapping[str, str]] = []

    def parse(headers: Mapping[str, str], body: bytes) -> Parsed:
        received.append(headers)
        return Parsed(events=(event("v1"),), oddities=(ODD,) if len(received) == 1 else ())

    assert (await post.replayed(delivery_id, parse)).endswith("still odd")
    assert not (await post.replayed(delivery_id, parse)).endswith("still odd")
    assert received == [sent, sent]
    left = await post.rows("SELECT body, headers FROM deliveries WHERE delivery_id = $1", delivery_id)
    assert left == [{"body": None, "headers": {}}]


async def test_a_body_that_a_version_without_headers_kept_is_read_as_before(post: Post) -> None:
    """Such a version may run beside this one."""
    delivery_id = uuid4()
    await post.rows(
        "INSERT INTO deliveries (delivery_id, source, size, ignored, oddities, body, acceptance) "
        "VALUES ($1, 'main', 3, 0, $2, 'odd', 'quarantined')",
        delivery_id,
        [{"where": "body", "problem": "is odd"}],
    )
    received: list[Mapping[str, str]] = []

    def parse(headers: Mapping[str, str], body: bytes) -> Parsed:
        received.append(headers)
        return Parsed(events=(event("v7", event_id="e7"),))

    assert await post.replayed(delivery_id, parse) == "Replayed 1 event for app, other"
    assert received == [{}]


@pytest.mark.parametrize("odd", [False, True])
async def test_what_cannot_be_replayed_is_refused_and_changes_nothing(post: Post, odd: bool) -> None:
    delivery_id = await post.came(body=b"{}" if odd else None, oddities=(ODD,) if odd else ())
    with pytest.raises(Rejected, match="put \\[webhooks.main\\] back" if odd else "push the tag again") as refused:
        await post.replayed(delivery_id)
    assert refused.value.status == 409
    assert await post.rows("SELECT 1 FROM audit_log") == []


async def test_a_delivery_that_is_not_remembered_is_refused(post: Post) -> None:
    with pytest.raises(Rejected, match="no such delivery") as refused:
        await post.replayed(uuid4())
    assert refused.value.status == 404
    assert await post.inbox.replay(uuid4(), None, by="") is None


async def test_one_that_is_forgotten_meanwhile_is_refused(post: Post) -> None:
    delivery_id = await post.came(event())
    kept = await post.inbox.kept(delivery_id)

    class Forgotten(PostgresInbox):
        async def kept(self, delivery_id: UUID) -> Any:
            return kept

    await post.rows("DELETE FROM deliveries")
    with pytest.raises(Rejected, match="no such delivery"):
        await replay(Forgotten(post.database), post.waker, delivery_id, by="", parse=None)


HELD = [found for count in range(len(Content) + 1) for found in combinations(Content, count)]


@pytest.mark.parametrize("held", HELD, ids=lambda held: "+".join(held) or "nothing")
async def test_what_a_delivery_holds_is_its_acceptance_as_the_domain_has_it(
    post: Post, held: tuple[Content, ...]
) -> None:
    """Whether it came in so, or was read so when it was replayed."""
    await post.came(event(event_id="known"))
    known = (event(event_id="known"),) if Content.KNOWN in held else ()
    new = (event(event_id="new"),) if Content.NEW in held else ()
    oddities = (ODD,) if Content.ODD in held else ()
    read = reads(*(replace(each, event_id=f"{each.event_id} again") for each in new), *known, oddities=oddities)
    came = await post.came(*new, *known, body=b"{}", oddities=oddities)
    assert await post.acceptance(came) is acceptance_of(held)
    odd = await post.came(body=b"{}", oddities=(ODD,))
    await post.replayed(odd, parse=read)
    assert await post.acceptance(odd) is acceptance_of(held)
