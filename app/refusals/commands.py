"""Refusals of redeploys and replays. Each comes from the service itself, not from a request."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from app import ports
from app.domain.event import Parsed
from app.errors import Rejected
from app.refusals.process import NothingHeld, SampleProcess
from app.refusals.row import RefusalRow
from app.services.commands import rollout_commands, watch_commands, watches
from app.services.commands.watch_commands import KnownRequest
from app.services.commands.watches import Operator
from app.services.ingest.replay import KeptDelivery, Replayed
from app.services.ingest.replay import replay as replay_delivery

OTHER = UUID(int=77)


def redeploys() -> Iterator[RefusalRow]:
    """A row for every refusal of a redeploy."""
    process = SampleProcess()
    operator = _operator(process)
    unnamed = watches.redeploy(operator, "app", tag="", by="")
    yield _refused("no tag is named", unnamed, "tag of app", "name one of those")
    absent = watches.redeploy(operator, "app", tag="v9.9.9", by="")
    yield _refused("the tag to deploy again is gone", absent, "tag v9.9.9", "push it first")
    others = KnownRequest(rollout_id=OTHER, same_target=False, what="other v1.0.0")
    twice = watches.redeploy(
        _operator(SampleProcess(watch_commands=NothingHeld(requested=others))),
        "app",
        tag="v1.0.0",
        by="",
        idempotency_key=OTHER,
    )
    yield _refused("the idempotency key is another job's", twice, str(OTHER), "reload the page")


def _operator(process: SampleProcess) -> Operator:
    """The operator that handlers build. Each part answers only the calls of a refused request."""
    return Operator(
        watch_commands=cast("watch_commands.WatchCommands", process.watch_commands),
        rollout_commands=cast("rollout_commands.RolloutCommands", process.rollout_commands),
        registries=process.registries,
        deployer=cast("ports.Deployer", process.deployer),
        waker=process.waker,
    )


@dataclass
class _Box:
    """A store in which `left` is what is kept of every delivery."""

    left: KeptDelivery | None

    async def kept(self, delivery_id: UUID) -> KeptDelivery | None:
        return self.left

    async def replay(self, delivery_id: UUID, parsed: Parsed | None, *, by: str) -> Replayed | None:
        return None


def replays() -> Iterator[RefusalRow]:
    """A row for every refusal of a replay."""
    for when, left, thing, fix in (
        ("the delivery is unknown", None, "delivery", "choose one that the page lists"),
        ("its body was deleted", KeptDelivery(source="hub", body=None, events=0), str(OTHER), "push the tag again"),
        ("its source is gone", KeptDelivery(source="hub", body=b"{}", events=0), "'hub'", "put [webhooks.hub] back"),
    ):
        attempt = replay_delivery(_Box(left), SampleProcess().waker, OTHER, by="", parse=None)
        yield _refused(when, attempt, thing, fix)


def _refused(when: str, attempt: Coroutine[Any, Any, object], thing: str, fix: str) -> RefusalRow:
    try:
        asyncio.run(attempt)
    except Rejected as refused:
        return RefusalRow(when=when, name=str(refused.status), sentence=str(refused), thing=thing, fix=fix)
    raise AssertionError(when)
