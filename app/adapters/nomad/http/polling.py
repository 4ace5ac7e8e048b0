"""Blocking queries to Nomad from the event loop, which hold no thread: a path and an index in, rows and an index out.

python-nomad would block a thread while it waits, so these queries go through httpx, with the same Access. https://developer.hashicorp.com/nomad/api-docs#blocking-queries
"""

import re
import time
from dataclasses import dataclass, replace
from typing import Any

import httpx

from app.adapters.nomad.http.access import NomadAccess
from app.adapters.nomad.http.async_client import FAILURES, extensions, open_client
from app.domain.watch import JobPlace

# Nomad allows 100 connections for each address (docs/nomad.md, section 1), and calls that do not wait need some.
CONNECTIONS = 8
_WAITING = 6
# Seconds. An answer shows that the servers' state was restored, whose indexes went back: a wait for an index that they
# had before ends by its time only.
_WAIT = 5
_SLACK = 10.0
_INDEX = re.compile(r"[0-9]{1,19}", re.ASCII)  # Nomad counts in 64 bits


class PollFailed(Exception):
    """No usable answer; `status` is Nomad's, None when there was none."""

    def __init__(self, status: int | None = None) -> None:
        super().__init__(f"status {status}")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """An answer. `index` is Nomad's index for the next query; `waited` is True if the query was allowed to block;
    `held` is for how many seconds it was.

    `rows` are the object or the whole list; None for 404.
    """

    index: int
    rows: list[dict[str, Any]] | None
    waited: bool
    held: float = 0.0


class LongPolls:
    """Uses at most CONNECTIONS connections, however many callers wait. Bound to the event loop of the first query."""

    def __init__(self, access: NomadAccess) -> None:
        self._access = access
        self._client: httpx.AsyncClient | None = None
        self._is_closed = False
        self._free = _WAITING

    async def query(self, place: JobPlace, *path: str, index: int, spare: int = 0, **query: str) -> Polled:
        """Return the answer as soon as it is newer than `index`, or after some seconds. Raises PollFailed.

        When only `spare` blocking queries are left, the query does not block: the caller paces itself.
        """
        if self._free <= spare:
            return await self._asked(place, path, query)
        self._free -= 1
        try:
            return await self._asked(place, path, {**query, "index": str(max(1, index)), "wait": f"{_WAIT}s"})
        finally:
            self._free += 1

    async def aclose(self) -> None:
        """Close the connections; later queries fail."""
        self._is_closed = True
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _asked(self, place: JobPlace, path: tuple[str, ...], query: dict[str, str]) -> Polled:
        params = {**self._access.parameters(place), **query}
        used, asked_at = self._access.token(), time.monotonic()
        answer = await self._get(path, params, used)
        if (renewed := self._access.token_after(used, answer.status_code)) is not None:
            answer = await self._get(path, params, renewed)
        held = time.monotonic() - asked_at if "index" in query else 0.0
        return replace(_read(answer, waited="index" in query), held=held)

    async def _get(self, path: tuple[str, ...], params: dict[str, str], token: str) -> httpx.Response:
        if self._is_closed:
            raise PollFailed
        try:
            # The server adds up to a sixteenth to the wait.
            self._client = self._client or open_client(
                self._access, connections=CONNECTIONS, read_seconds=_WAIT * 17 / 16 + _SLACK
            )
            return await self._client.get(
                "/v1/" + "/".join(self._access.path(*path)),
                params=params,
                headers=self._access.headers(token),
                extensions=extensions(self._access),
            )
        except FAILURES as error:
            raise PollFailed from error


def _read(answer: httpx.Response, *, waited: bool) -> Polled:
    index = answer.headers.get("X-Nomad-Index", "")
    if answer.status_code not in (200, 404) or _INDEX.fullmatch(index) is None:
        raise PollFailed(answer.status_code)
    if answer.status_code == 404:
        return Polled(index=int(index), rows=None, waited=waited)
    try:
        body = answer.json()
    except (ValueError, RecursionError) as error:
        raise PollFailed(answer.status_code) from error
    rows = body if isinstance(body, list) else [body]
    if not all(isinstance(row, dict) and "ID" in row for row in rows):
        raise PollFailed(answer.status_code)
    return Polled(index=int(index), rows=rows, waited=waited)
