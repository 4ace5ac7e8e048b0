"""HTTP of the simulated agent: headers, token, region, blocking queries, faults.

It is a plain ASGI application without routing and middleware, because load tests do a register and a read within a
millisecond.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import orjson

from app.simulators.nomad import event_stream
from app.simulators.nomad.blocking import answer_blocking_query
from app.simulators.nomad.call import NomadAnswer, NomadCall
from app.simulators.nomad.disturbance import disturb
from app.simulators.nomad.faults import FaultAction, NomadFault
from app.simulators.nomad.refusal import Refused
from app.simulators.nomad.routes import FOR_MANAGEMENT, REQUIRED_CAPABILITY, WAITS_ON, Endpoint, find
from app.simulators.nomad.simulator import Simulator

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Reply = tuple[int, Headers, bytes]


class NomadApi:
    """Everything under /v1."""

    def __init__(self, simulator: Simulator) -> None:
        self._nomad = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = await _read(scope, receive)
        fault = self._nomad.faults.take(call.method, call.path)
        try:
            if fault is not None and not fault.after and await disturb(self._nomad, fault, call, receive):
                return
            if (call.method, call.path) == ("GET", event_stream.PATH):
                query = scope["query_string"].decode("latin-1")
                await event_stream.stream(self._nomad, call, query, receive, send)
                return
            reply = await self._reply(call, fault)
            if fault is not None and fault.after and await disturb(self._nomad, fault, call, receive):
                return
        except Refused as refused:
            reply = refused.status, _text_headers(refused), refused.text.encode()
        await _send(send, *reply)

    async def _reply(self, call: NomadCall, fault: NomadFault | None) -> Reply:
        try:
            answer = await self._answer(call, no_wait=fault is not None and fault.action is FaultAction.WAKE)
        except Refused as refused:
            return refused.status, _text_headers(refused), refused.text.encode()
        index = fault.index if fault is not None and fault.action is FaultAction.INDEX else answer.index
        body = answer.body if isinstance(answer.body, bytes) else orjson.dumps(answer.body)
        return 200, _headers(answer, index), body

    async def _answer(self, call: NomadCall, *, no_wait: bool) -> NomadAnswer:
        endpoint, subject, counted = find(call.method, call.path)
        self._nomad.ledger.requests[f"{call.method} {counted}"] += 1
        if call.query.get("region", self._nomad.region) != self._nomad.region:
            raise Refused(500, "No path to region")
        routed = replace(call, subject=subject)
        index, seconds = call.waits() if call.method == "GET" else (0, 0.0)
        self._admit(endpoint, routed)
        table = WAITS_ON.get(endpoint)
        if not index or table is None or no_wait:
            return endpoint(self._nomad, routed)
        self._nomad.ledger.waits[f"{call.method} {counted}"] += 1
        read = partial(endpoint, self._nomad, routed)
        return await answer_blocking_query(self._nomad, read, table=table, index=index, wait=seconds)

    def _admit(self, endpoint: Endpoint, call: NomadCall) -> None:
        if endpoint in FOR_MANAGEMENT and not self._nomad.who(call).management:
            raise Refused(403, "Permission denied")
        if (capability := REQUIRED_CAPABILITY.get(endpoint)) is not None:
            self._nomad.require(call, capability)


async def _read(scope: Scope, receive: Receive) -> NomadCall:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    request_id = headers.get("x-request-id") or uuid.uuid4().hex
    return NomadCall(
        method=scope["method"], path=scope["path"], query=query, body=body, headers=headers, request_id=request_id
    )


def _headers(answer: NomadAnswer, index: int | None) -> Headers:
    kind = b"text/plain" if isinstance(answer.body, bytes) else b"application/json"
    headers = [(b"content-type", kind)] if answer.body != b"" else []
    if index is not None:
        headers.append((b"x-nomad-index", str(index).encode()))
    if answer.read:
        headers += [(b"x-nomad-knownleader", b"true"), (b"x-nomad-lastcontact", b"0")]
    if answer.next_token:
        headers.append((b"x-nomad-nexttoken", answer.next_token.encode()))
    return headers


def _text_headers(refused: Refused) -> Headers:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if refused.index is not None:
        headers += [(b"x-nomad-index", str(refused.index).encode()), (b"x-nomad-knownleader", b"true")]
        headers.append((b"x-nomad-lastcontact", b"0"))
    return headers


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
