"""Answers: how does the simulated agent speak HTTP: headers, token, region, blocking queries, faults?

A plain ASGI application (no routing, no middleware), because load tests put a whole register and read into a
millisecond.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from app.local.nomad.call import Answer, Call
from app.local.nomad.faults import Action, Fault
from app.local.nomad.refusal import Refused
from app.local.nomad.routes import WITHOUT_TOKEN, Endpoint, find
from app.local.nomad.simulator import Simulator

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class NomadApi:
    """Everything under /v1."""

    def __init__(self, simulator: Simulator) -> None:
        self._nomad = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = await _read(scope, receive)
        fault = self._nomad.faults.take(call.method, call.path)
        if fault is not None and not fault.after and await _spoil(fault, receive, send):
            return
        try:
            answer = await self._answer(call)
        except Refused as refused:
            reply = refused.status, _text_headers(refused), refused.text.encode()
        else:
            reply = 200, _headers(answer), answer.body if isinstance(answer.body, bytes) else orjson.dumps(answer.body)
        if fault is not None and fault.after and await _spoil(fault, receive, send):
            return
        await _send(send, *reply)

    async def _answer(self, call: Call) -> Answer:
        endpoint, subject, counted = find(call.method, call.path)
        self._nomad.ledger.requests[f"{call.method} {counted}"] += 1
        self._admit(call)
        asked = Call(
            method=call.method, path=call.path, query=call.query, body=call.body, headers=call.headers,
            request_id=call.request_id, subject=subject,
        )  # fmt: skip
        if call.method != "GET":
            return endpoint(self._nomad, asked)
        return await self._wait(endpoint, asked)

    def _admit(self, call: Call) -> None:
        if call.query.get("region", self._nomad.region) != self._nomad.region:
            raise Refused(500, "No path to region")
        if self._nomad.token is not None and call.path not in WITHOUT_TOKEN and call.token != self._nomad.token:
            raise Refused(403, "Permission denied")

    async def _wait(self, endpoint: Endpoint, call: Call) -> Answer:
        """A blocking query: answer once the index has passed the one sent, or the wait is over (N:nomad/rpc.go
        blockingRPC).
        """
        index, seconds = call.waits()
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            changed = self._nomad.world.changed() if index else None
            answer, refused = self._once(endpoint, call)
            seen = answer.index if answer is not None else refused.index if refused is not None else None
            left = until - loop.time()
            if changed is None or seen is None or seen > index or left <= 0:
                if answer is None:
                    raise refused or Refused(500, "no answer")
                return answer
            await self._sleep(changed, left)

    def _once(self, endpoint: Endpoint, call: Call) -> tuple[Answer | None, Refused | None]:
        try:
            return endpoint(self._nomad, call), None
        except Refused as refused:
            return None, refused

    async def _sleep(self, changed: asyncio.Event, left: float) -> None:
        due = self._nomad.world.timeline.next_due
        if due is not None:
            left = min(left, max(due - self._nomad.world.now, 0.0))
        try:
            async with asyncio.timeout(left):
                await changed.wait()
        except TimeoutError:
            return


async def _read(scope: Scope, receive: Receive) -> Call:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    request_id = headers.get("x-request-id") or uuid.uuid4().hex
    return Call(
        method=scope["method"], path=scope["path"], query=query, body=body, headers=headers, request_id=request_id
    )


async def _spoil(fault: Fault, receive: Receive, send: Send) -> bool:
    """Carry a fault out; whether the request is over with it."""
    if fault.action is Action.HANG:
        await asyncio.sleep(fault.seconds)
        return False
    if fault.action is Action.RESET:
        await _cut(receive)
        return True
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await _send(send, fault.status, headers, fault.body.encode())
    return True


async def _cut(receive: Receive) -> None:
    """Close the connection without a reply. ASGI has no word for it, so uvicorn's transport is taken from behind
    `receive`.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("simulated reset; this server gives no transport to cut")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def _headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    kind = b"text/plain" if isinstance(answer.body, bytes) else b"application/json"
    headers = [(b"content-type", kind)]
    if answer.index is not None:
        headers.append((b"x-nomad-index", str(answer.index).encode()))
    if answer.read:
        headers += [(b"x-nomad-knownleader", b"true"), (b"x-nomad-lastcontact", b"0")]
    return headers


def _text_headers(refused: Refused) -> list[tuple[bytes, bytes]]:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if refused.index is not None:
        headers += [(b"x-nomad-index", str(refused.index).encode()), (b"x-nomad-knownleader", b"true")]
        headers.append((b"x-nomad-lastcontact", b"0"))
    return headers


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
