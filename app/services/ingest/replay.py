"""Process a stored delivery again: after a fix of the configuration, or of the parser that did not understand it.

As with a new delivery, nothing in it is trusted: it only makes targets due.
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
    """The kept part of a delivery: its body, if something in it was odd, and the number of its events.

    `headers` are those that were kept with the body; none if the version that stored it kept none.
    """

    source: str
    body: bytes | None
    events: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The result of a replay: the number of events, the watches that they concern now, and the targets made due.

    `odd` is True if something in the body is still not understood.
    """

    events: int
    watches: tuple[str, ...]
    target_ids: tuple[int, ...]
    odd: bool = False

    @property
    def message(self) -> str:
        """For people."""
        counted = f"{self.events} event{'' if self.events == 1 else 's'}"
        if not self.watches:
            watches = "that concern no watch" if self.events else "to act on"
        else:
            more = f" and {len(self.watches) - _NAMED} more" if len(self.watches) > _NAMED else ""
            watches = f"for {', '.join(self.watches[:_NAMED])}{more}"
        return f"{counted} {watches}{'; part of it is still odd' if self.odd else ''}"


class Replays(Protocol):
    """The store of deliveries for a replay. All methods raise StoreUnavailable."""

    async def kept(self, delivery_id: UUID) -> KeptDelivery | None:
        """The kept part of the delivery; None if it is not (or no longer) known."""
        ...

    async def replay(self, delivery_id: UUID, parsed: Parsed | None, *, by: str) -> Replayed | None:
        """Reopen the answers to the delivery's events for the watches that they concern now, make their targets due,
        and write the audit log, in one transaction. None if the delivery is not known any more.

        `by` is the actor. `parsed` is the body as it was parsed just now: its new events are added to the delivery,
        and its oddities replace the former ones.
        """
        ...


async def replay(inbox: Replays, waker: Waker, delivery_id: UUID, *, by: str, parse: Parser | None) -> Reply:
    """Replay the delivery; `parse` reads bodies of its source's kind, and is None if it is no longer configured.

    Raises Rejected: 404 for an unknown delivery, 409 with the fix if there is nothing to replay, or no parser for it;
    and StoreUnavailable.
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
    """The body as it is parsed now; None if only the events are kept."""
    if kept.body is None:
        if kept.events:
            return None
        raise Rejected(
            f"delivery {delivery_id} has no kept body and no new tag to replay: "
            "push the tag again, or POST /repos/{repo}/check to check a repository now",
            status=409,
        )
    if parse is None:
        raise Rejected(
            f"delivery {delivery_id} came from source {kept.source!r}, which is no longer configured: "
            f"put [webhooks.{kept.source}] back, and replay it again",
            status=409,
        )
    return parse(kept.headers, kept.body)


def _unknown() -> Rejected:
    message = "no such delivery: the id is wrong, or it is older than the history kept; choose one that the page lists"
    return Rejected(message, status=404)
