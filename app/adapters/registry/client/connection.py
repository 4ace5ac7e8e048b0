"""One configured registry: its HTTP client, its gate and its logins. Sends requests, logs in, names failures.

It must not know what an answer means beyond "needs a login" and "failed"; app/adapters/registry/client/source.py reads
answers.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus

import httpx

from app.adapters.registry.auth.login import Login, Logins
from app.adapters.registry.client.endpoint import RegistryEndpoint
from app.adapters.registry.client.exchange import RedirectRefused, RegistryRequest, exchange
from app.adapters.registry.client.failures import (
    LATER,
    RegistryAnswer,
    RegistryContext,
    refused,
    unavailable,
    unreachable,
)
from app.adapters.registry.client.origins import keeps_credentials
from app.adapters.registry.limits import Closed, Gate
from app.errors import RegistryUnavailable
from app.outbound.client import WHOLE_SECONDS, open_client
from app.outbound.network import AnswerRefused

_NEEDS_LOGIN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_FAILURES = (*_NEEDS_LOGIN, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR)


class Connection:
    """The connection to one registry. `clock` is monotonic, `now` the wall clock; `transport` replaces the network."""

    def __init__(
        self,
        endpoint: RegistryEndpoint,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        seconds: float = WHOLE_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.proven: set[str] = set()  # repositories that are known to exist
        self._now = now
        self._seconds = seconds
        self._transport = transport
        self._gate = Gate(clock=clock)
        self._logins = Logins(endpoint, self._send, clock=clock, now=now)
        self._client: httpx.AsyncClient | None = None
        self._under_way = 0
        self._retired = False

    async def fetch(self, request: RegistryRequest, *, repository: str) -> RegistryAnswer:
        """The answer to `request`, after a login if the registry asks for one.

        It never has status 401, 403, 429, or 5xx other than 501. Raises RegistryUnavailable or RegistryDenied. Waiting,
        login and redirects together take at most `seconds`.
        """
        subject = RegistryContext(endpoint=self.endpoint, repository=repository)
        self._under_way += 1
        try:
            async with asyncio.timeout(self._seconds), self._gate.enter():
                answer = await self._fetch_logged_in(request, repository)
        except Closed as error:
            raise unavailable(subject, str(error), retry_after=error.retry_after) from error
        except (OSError, httpx.TransportError) as error:
            self._gate.unanswered()
            raise unreachable(subject, error) from error
        except (AnswerRefused, RedirectRefused) as error:
            raise unavailable(subject, error.cause, fix=error.fix or LATER) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise unavailable(subject, f"the request failed: {subject.quote(str(error))}") from error
        except RegistryUnavailable as error:  # from the token service
            self._gate.pause(error.retry_after or 0.0)
            raise
        finally:
            self._under_way -= 1
            await self._close_when_idle()
        return self._accepted(answer, subject)

    async def retire(self) -> None:
        """Close the client when the last running request ends. The caller sends no more requests."""
        self._retired = True
        await self._close_when_idle()

    async def _fetch_logged_in(self, request: RegistryRequest, repository: str) -> RegistryAnswer:
        login = await self._logins.known(repository)
        answer = await self._send(_as(request, login))
        # Only a challenge of the registry itself counts, not that of a server to which it redirected us.
        if answer.status in _NEEDS_LOGIN and keeps_credentials(request.url, answer.url):
            better = await self._logins.after(answer, repository, tried=login)
            if better is not None:
                answer = await self._send(_as(request, better))
        return answer

    async def _send(self, request: RegistryRequest) -> RegistryAnswer:
        if self._client is None:
            self._client = open_client(ca_file=self.endpoint.ca_file, transport=self._transport)
        answer = await exchange(self._client, request)
        self._gate.answered()
        return answer

    def _accepted(self, answer: RegistryAnswer, subject: RegistryContext) -> RegistryAnswer:
        if answer.status in _FAILURES or answer.status > HTTPStatus.NOT_IMPLEMENTED:
            error = refused(subject, answer, now=self._now())
            if isinstance(error, RegistryUnavailable):
                self._gate.pause(error.retry_after or 0.0)
            raise error
        return answer

    async def _close_when_idle(self) -> None:
        if self._retired and self._under_way == 0 and self._client is not None:
            client, self._client = self._client, None
            await client.aclose()


def _as(request: RegistryRequest, login: Login | None) -> RegistryRequest:
    return request if login is None else replace(request, authorization=login.header)
