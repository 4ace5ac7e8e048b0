"""Take a remembered delivery once more: after a mend of the configuration, or of the parser that did not understand it.

As with a delivery that comes in, nothing in it is trusted: it only makes targets due.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import structlog

from app.domain.event import Parsed
from app.errors import Rejected
from app.ports import Waker
from app.services.commands.watches import Reply
from app.services.wakeup.wake import RECONCILE
from app.webhooks.dialect import Parser

log = structlog.get_logger()

_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDelivery:
    """What is left of a delivery: its body, kept where something in it was odd, and how many events it told.

    `headers` are those that were kept with the body; none for deliveries of a version that kept none.
    """

    source: str
    body: bytes | None
    events: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of a replay: the delivery's events, the watches that they concern now, and the targets due by it.

    `odd` is whether something in the body is still not understood.
    """

    events: int
    watches: tuple[str, ...]
    target_ids: tuple[int, ...]
    odd: bool = False

    @property
    def message(self) -> str:
        """For people."""
        told = f"{self.events} event{'' if self.events == 1 else 's'}"
        if not self.watches:
            whom = "that no watch is concerned by" if self.events else "to act on"
        else:
            more = f" and {len(self.watches) - _NAMED} more" if len(self.watches) > _NAMED else ""
            whom = f"for {', '.join(self.watches[:_NAMED])}{more}"
        return f"{told} {whom}{'; part of it is still odd' if self.odd else ''}"


class Replays(Protocol):
    """The store of deliveries, as far as they can be replayed. All methods raise StoreUnavailable."""

    async def kept(self, delivery_id: UUID) -> KeptDelivery | None:
        """What is left of the delivery; None when it is not (or no longer) known."""
        ...

    async def replay(self, delivery_id: UUID, parsed: Parsed | None, *, by: str) -> Replayed | None:
        """Open the answers to the delivery's events again, for the watches that they concern now, make their targets
        due, and remember who asked for it, in one transaction. None when it is not known any more.

        `parsed` is the body as it was read just now: its new events become the delivery's, and its oddities replace
        those of before.
        """
        ...


async def replay(inbox: Replays, waker: Waker, delivery_id: UUID, *, by: str, parse: Parser | None) -> Reply:
    """Replay the delivery; `parse` reads bodies of its source's kind, and is None when nobody configured that any more.

    Raises Rejected: 404 for an unknown delivery, 409 with the mend where there is nothing to replay, or nobody to read
    it; and StoreUnavailable.
    """
    kept = await inbox.kept(delivery_id)
    if kept is None:
        raise _unknown()
    replayed = await inbox.replay(delivery_id, _read(delivery_id, kept, parse), by=by)
    if replayed is None:
        raise _unknown()
    log.info("delivery.replayed", delivery=str(delivery_id), by=by, events=replayed.events, targets=replayed.target_ids)
    for target_id in replayed.target_ids:
        waker.wake(RECONCILE, str(target_id))
    return Reply(message=f"Replayed {replayed.message}")


def _read(delivery_id: UUID, kept: KeptDelivery, parse: Parser | None) -> Parsed | None:
    """The body as it is read now; None when the events are all that is kept."""
    if kept.body is None:
        if kept.events:
            return None
        raise Rejected(
            f"nothing of delivery {delivery_id} is kept that could be replayed, it held no new tag: "
            "push the tag again, or POST /repos/{repo}/check to look at a repository now",
            status=409,
        )
    if parse is None:
        raise Rejected(
            f"delivery {delivery_id} came from source {kept.source!r}, which is not configured any more: "
            f"put [webhooks.{kept.source}] back, and replay it again",
            status=409,
        )
    return parse(kept.headers, kept.body)


def _unknown() -> Rejected:
    message = "no such delivery: the id is wrong, or it is older than the history kept; take one that the page lists"
    return Rejected(message, status=404)
