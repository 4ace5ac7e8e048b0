"""Controls a line's registry: pushes images and delivers their webhook events."""

import asyncio
import json
from dataclasses import dataclass
from uuid import UUID, uuid4

from app.adapters.postgres.ingest.inbox import PostgresInbox
from app.domain.event import EventAction, Parsed, PushEvent
from app.errors import StoreUnavailable
from app.services.ingest.receive import Delivery
from app.services.wakeup.wake import RECONCILE
from tests.line.parts import PATIENCE, Parts

_POSTS = 300


@dataclass(kw_only=True)
class Pushing(Parts):
    """A line whose registry the test pushes to."""

    async def push(self, name: str, tag: str, content: str = "", *, notify: bool = True) -> str:
        """Push `team/NAME:tag`; `notify` delivers the webhook's event as well. Returns the digest."""
        digest = self.registry.push(f"team/{name}", tag, content=content or f"{name} {tag}")
        if notify:
            await self.deliver(f"team/{name}", tag, digest)
        return digest

    async def deliver(self, path: str, tag: str, digest: str | None) -> UUID:
        """Deliver the event of a push, true or false, until it is stored. Returns the delivery's id."""
        event = PushEvent(
            action=EventAction.PUSH, host=self.host, path=path, tag=tag, digest=digest, event_id=str(uuid4())
        )
        # The web process answers 503 after a second. We wait for a slow commit, so that the id is the event's.
        inbox = PostgresInbox(self.database, patience=PATIENCE)
        for _ in range(_POSTS):
            delivery = Delivery(delivery_id=uuid4(), source="distribution", size=1, parsed=Parsed(events=(event,)))
            try:
                receipt = await inbox.store(delivery)
            except StoreUnavailable:
                self.refusals += 1
                await asyncio.sleep(0.1)
                continue
            for target_id in receipt.target_ids:
                self.waker.wake(RECONCILE, str(target_id))
            return delivery.delivery_id
        raise AssertionError(f"not stored by {_POSTS} posts")

    def child_digest(self, path: str, tag: str) -> str:
        """The digest of the first manifest in the index behind the tag."""
        found = self.registry.contents.manifest(path, tag)
        assert found is not None
        digest: str = json.loads(found.body)["manifests"][0]["digest"]
        return digest
