"""Reads from Nomad on the event loop: bounded JSON answers, and the lines of a stream that does not end.

It must not know what the answers mean. A stream, and a read that waits at Nomad, hold a connection of their own; other
reads share a few.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from app.adapters.nomad.http.access import NomadAccess
from app.adapters.nomad.http.async_client import FAILURES, extensions, open_client, silence_of
from app.adapters.nomad.http.problem import LONGEST_REFUSAL, Silence, refusal
from app.domain.job_change import MOST_FOLLOWED
from app.domain.watch import JobPlace
from app.outbound.client import read_bounded

LONGEST_LINE = 16 * 1024 * 1024  # bytes: a batch may hold the allocations of a large job
LARGEST_ANSWER = 64 * 1024 * 1024
_READS = 4  # connections for reads that do not wait; each namespace has one for its stream and one for its waits
_IDENTITY = {"Accept-Encoding": "identity"}  # a compressed line would wait for the next one

Query = list[tuple[str, str | int | float | bool | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A JSON answer, None for 404; `index` is X-Nomad-Index, 0 without one; `next_token` names the next page."""

    body: Any
    index: int
    next_token: str


class NomadReads:
    """Reads of one connection. Bound to the event loop of the first one. All raise Refusal and Silence."""

    def __init__(self, access: NomadAccess) -> None:
        self._access = access
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._is_closed = False

    async def read(
        self, place: JobPlace, *path: str, within: float, query: Mapping[str, str] | None = None, waits: bool = False
    ) -> Answer:
        """GET a path under /v1 in the place's namespace and region, for `within` seconds at most. One that `waits` at
        Nomad delays no other."""
        params: Query = [*self._access.parameters(place).items(), *(query or {}).items()]
        try:
            async with asyncio.timeout(within), self._sent("wait" if waits else "read", path, params) as response:
                body = None if response.status_code == 404 else await read_bounded(response, LARGEST_ANSWER)
        except FAILURES as error:  # TimeoutError is an OSError
            raise silence_of(error) from error
        index = response.headers.get("X-Nomad-Index", "")
        return Answer(
            body=None if body is None else _json(body),
            index=int(index) if index.isascii() and index.isdigit() and len(index) < 20 else 0,
            next_token=response.headers.get("X-Nomad-NextToken", ""),
        )

    async def lines(self, place: JobPlace, *path: str, query: Query) -> AsyncGenerator[bytes | None, None]:
        """The lines of a stream until it ends; None for a line that is too long, which is read and dropped."""
        params: Query = [*self._access.parameters(place).items(), *query]
        try:
            async with self._sent("stream", path, params) as response:
                if response.status_code == 404:
                    raise refusal(404, await _text(response), retry_after=None)
                async for line in _split(response.aiter_bytes()):
                    yield line
        except FAILURES as error:
            raise silence_of(error) from error

    async def aclose(self) -> None:
        """Close the connections; later calls fail, and streams end."""
        self._is_closed = True
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    @asynccontextmanager
    async def _sent(self, kind: str, path: tuple[str, ...], params: Query) -> AsyncIterator[httpx.Response]:
        """The answer, with status 200 or 404; once more with the token that the file has now, if it was refused."""
        used = self._access.token()
        async with self._once(kind, path, params, used) as response:
            renewed = self._access.token_after(used, response.status_code)
            if renewed is None:
                yield await _accepted(response)
                return
        async with self._once(kind, path, params, renewed) as response:
            yield await _accepted(response)

    @asynccontextmanager
    async def _once(self, kind: str, path: tuple[str, ...], params: Query, token: str) -> AsyncIterator[httpx.Response]:
        async with self._client(kind).stream(
            "GET",
            "/v1/" + "/".join(self._access.path(*path)),
            params=params,
            headers={**self._access.headers(token), **_IDENTITY},
            extensions=extensions(self._access),
        ) as response:
            yield response

    def _client(self, kind: str) -> httpx.AsyncClient:
        if self._is_closed:
            raise Silence("its connection was replaced; it is asked again with the new one", sent=False)
        if kind not in self._clients:
            connections = _READS if kind == "read" else MOST_FOLLOWED
            # The caller bounds each read, and notices by other means that a stream is dead.
            self._clients[kind] = open_client(self._access, connections=connections, read_seconds=60.0)
        return self._clients[kind]


async def _accepted(response: httpx.Response) -> httpx.Response:
    if response.status_code not in (200, 404):
        retry_after = response.headers.get("Retry-After")
        raise refusal(response.status_code, await _text(response), retry_after=retry_after)
    return response


async def _text(response: httpx.Response) -> bytes:
    text = bytearray()
    async for chunk in response.aiter_bytes():
        text += chunk
        if len(text) >= LONGEST_REFUSAL:
            break
    return bytes(text)


async def _split(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes | None, None]:
    """The lines of the chunks. A line longer than LONGEST_LINE is never held as a whole."""
    held, is_too_long = bytearray(), False
    async for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            is_too_long = is_too_long or len(held) + len(end) > LONGEST_LINE
            yield None if is_too_long else bytes(held) + end
            held.clear()
            is_too_long = False
        is_too_long = is_too_long or len(held) + len(rest) > LONGEST_LINE
        if is_too_long:
            held.clear()
        else:
            held += rest


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Silence("the answer is not Nomad's JSON; correct NOMAD_ADDR", sent=True) from error
