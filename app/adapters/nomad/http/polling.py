"""Blocking queries to Nomad from the event loop: one question in, the answer with its index out, no thread held.

python-nomad can only block a thread while it waits, so this asks through httpx, with the same NomadConnection.
It must not know what is waited for. https://developer.hashicorp.com/nomad/api-docs#blocking-queries
"""

import re
from dataclasses import dataclass
from typing import Any

import httpx

from app.adapters.nomad.http.access import Access
from app.domain.watch import JobPlace
from app.http import CONNECT_SECONDS
from app.network import HeaderRefused, Network

# Nomad cuts an address off at 100 connections (nomad.md 1.1), and calls that do not wait need theirs.
CONNECTIONS = 8
_WAITING = 6
_WAIT = 55  # fits below the 60 s of common proxies
_SLACK = 10.0
_INDEX = re.compile(r"[0-9]{1,19}", re.ASCII)  # Nomad counts in 64 bits


class PollFailed(Exception):
    """No usable answer; `status` is Nomad's, None when there was none."""

    def __init__(self, status: int | None = None) -> None:
        super().__init__(f"status {status}")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """An answer. `index` is how far Nomad's state was; `waited` is whether it was asked to wait. `rows` are the object,
    or all of the list; None for 404."""

    index: int
    rows: list[dict[str, Any]] | None
    waited: bool


class LongPolls:
    """At most CONNECTIONS connections, however many ask. Bound to the event loop that first asks."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._client: httpx.AsyncClient | None = None
        self._is_closed = False
        self._free = _WAITING

    async def ask(self, place: JobPlace, *path: str, index: int, spare: int = 0, **query: str) -> Polled:
        """The answer as soon as it is newer than `index`, or after about a minute. Raises PollFailed.

        It comes at once when all but `spare` of the places to wait are taken: the caller paces itself.
        """
        if self._free <= spare:
            return await self._asked(place, path, query)
        self._free -= 1
        try:
            return await self._asked(place, path, {**query, "index": str(max(1, index)), "wait": f"{_WAIT}s"})
        finally:
            self._free += 1

    async def aclose(self) -> None:
        """Close the connections, and open none any more."""
        self._is_closed = True
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _asked(self, place: JobPlace, path: tuple[str, ...], query: dict[str, str]) -> Polled:
        params = {**self._access.parameters(place), **query}
        used = self._access.token()
        answer = await self._get(path, params, used)
        if (renewed := self._access.token_after(used, answer.status_code)) is not None:
            answer = await self._get(path, params, renewed)
        return _read(answer, waited="index" in query)

    async def _get(self, path: tuple[str, ...], params: dict[str, str], token: str) -> httpx.Response:
        if self._is_closed:
            raise PollFailed
        name = self._access.connection.tls_server_name
        try:
            self._client = self._client or _open(self._access)
            return await self._client.get(
                "/v1/" + "/".join(self._access.path(*path)),
                params=params,
                headers=self._access.headers(token),
                extensions={"sni_hostname": name} if name else {},
            )
        except (httpx.HTTPError, httpx.InvalidURL, HeaderRefused, OSError, ValueError, ImportError) as error:
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


def _open(access: Access) -> httpx.AsyncClient:
    https = access.base_url.startswith("https://")
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=30.0)
    return httpx.AsyncClient(
        base_url=access.base_url,
        auth=access.credentials,
        transport=Network(verify=access.trust() if https else True, limits=limits, uds=access.connection.socket_path),
        trust_env=False,  # the network knows the environment's proxies
        # The server adds up to a sixteenth to the wait. A query may wait for a free connection as long as it takes.
        timeout=httpx.Timeout(_WAIT * 17 / 16 + _SLACK, connect=CONNECT_SECONDS, pool=None),
    )
