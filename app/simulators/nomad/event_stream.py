"""GET /v1/event/stream: newline-delimited JSON, with a heartbeat line at once and then after each silence.

A restore of the state from a snapshot ends every stream. A forbidden stream is a 200 without any line since 1.10.8 and
1.11.2, and a 403 before. (docs/nomad.md, section 16)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import orjson

from app.simulators.nomad.blocking import changes_before
from app.simulators.nomad.call import NomadCall
from app.simulators.nomad.event_log import Batch, LoggedEvent
from app.simulators.nomad.refusal import Refused
from app.simulators.nomad.simulator import Simulator
from app.simulators.nomad.world import STREAMS

PATH = "/v1/event/stream"
HEARTBEAT = b"{}\n"
FORBIDDEN_SECONDS = 27.0
READ_JOB = frozenset({"Job", "Deployment", "Evaluation", "Allocation", "Service"})

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Topics = Sequence[tuple[str, str]]


async def stream(nomad: Simulator, call: NomadCall, query: str, receive: Receive, send: Send) -> None:
    """Send events until the client leaves. Refused for bad parameters, and for a forbidden stream of older versions."""
    nomad.ledger.requests[f"GET {PATH}"] += 1
    if call.query.get("region", nomad.region) != nomad.region:
        raise Refused(500, "No path to region")
    topics = _topics(query)
    index, _ = call.waits()
    permitted = _permits(nomad, call, topics)
    if not permitted and not nomad.release.streams_before_checking:
        raise Refused(403, "Permission denied")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    sending = asyncio.create_task(_send_all(nomad, call.namespace, topics, index, send, permitted=permitted))
    leaving = asyncio.create_task(_left(receive))
    try:
        await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
            await send({"type": "http.response.body", "body": b""})
    finally:
        for task in (sending, leaving):
            task.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)


async def _send_all(
    nomad: Simulator, namespace: str, topics: Topics, index: int, send: Send, *, permitted: bool
) -> None:
    if not permitted:
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await asyncio.sleep(FORBIDDEN_SECONDS)
        return
    loop = asyncio.get_running_loop()
    await _line(send, HEARTBEAT)
    beat_at = loop.time() + nomad.heartbeat
    with nomad.at_work() as world:
        number, restores = world.log.closest(index), world.restores
    while True:
        with nomad.world.watching(STREAMS) as changed:
            with nomad.at_work() as world:
                if world.restores != restores:
                    return
                batches = world.log.since(number)
                lines = [_batch(nomad, batch, namespace, topics) for batch in batches]
            for line in filter(None, lines):
                await _line(send, line)
            if batches:
                number = batches[-1].number + 1
            elif not await changes_before(nomad, changed, beat_at):
                await _line(send, HEARTBEAT)
                beat_at = loop.time() + nomad.heartbeat


def _batch(nomad: Simulator, batch: Batch, namespace: str, topics: Topics) -> bytes:
    wanted = [each for each in batch.events if namespace in ("*", each.namespace) and _matches(each, topics)]
    if not wanted:
        return b""
    events = [each.as_json(batch.index, nomad.release) for each in wanted]
    return orjson.dumps({"Index": batch.index, "Events": events}) + b"\n"


def _matches(event: LoggedEvent, topics: Topics) -> bool:
    return any(topic in ("*", event.topic) and (key == "*" or key in event.keys) for topic, key in topics)


def _topics(query: str) -> Topics:
    """(topic, key) of each parameter; every key if a parameter names none, and every topic without a parameter."""
    given = [value for name, value in parse_qsl(query, keep_blank_values=True) if name == "topic"] or ["*:*"]
    found = []
    for each in given:
        parts = each.split(":")
        if len(parts) > 2:
            raise Refused(400, f"Invalid key value pair for topic, topic: {each}")
        found.append((parts[0], parts[1] if len(parts) == 2 else "*"))
    return found


def _permits(nomad: Simulator, call: NomadCall, topics: Topics) -> bool:
    try:
        if any(topic not in READ_JOB for topic, _ in topics):
            return nomad.who(call).management
        return nomad.permits(call, "read-job")
    except Refused:
        return False


async def _line(send: Send, line: bytes) -> None:
    await send({"type": "http.response.body", "body": line, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
