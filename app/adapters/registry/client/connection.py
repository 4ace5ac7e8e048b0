"""One configured registry: its HTTP client, its gate, its logins; asks, logs in when told to, and names what fails.

It must not know what an answer means beyond "needs a login" and "failed"; source.py reads answers.
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
from app.adapters.registry.client.failures import RegistryAnswer, Subject, refused, unavailable, unreachable
from app.adapters.registry.client.origins import keeps_credentials
from app.adapters.registry.limits import Closed, Gate
from app.errors import RegistryUnavailable
from app.outbound.client import WHOLE_SECONDS, open_client
from app.outbound.network import AnswerRefused

_NEEDS_LOGIN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_FAILURES = (*_NEEDS_LOGIN, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR)


class Connection:
    """A registry being talked to. `clock` is monotonic, `now` the wall clock; `transport` stands in for the network."""

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
        """The answer to `ask`, after logging in when that is asked for; never 401, 403, 429, nor 5xx but 501.

        Raises RegistryUnavailable or RegistryDenied. The whole, with waiting, logging in and redirects, takes at most
        `seconds`.
        """
        subject = Subject(endpoint=self.endpoint, repository=repository)
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
            raise unavailable(subject, str(error)) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise unavailable(subject, f"it cannot be asked: {subject.quote(str(error))}") from error
        except RegistryUnavailable as error:  # the token service's
            self._gate.pause(error.retry_after or 0.0)
            raise
        finally:
            self._under_way -= 1
            await self._close_when_idle()
        return self._accepted(answer, subject)

    async def retire(self) -> None:
        """Take no more requests in; close when the last one under way ends."""
        self._retired = True
        await self._close_when_idle()

    async def _fetch_logged_in(self, request: RegistryRequest, repository: str) -> RegistryAnswer:
        login = await self._logins.known(repository)
        answer = await self._send(_as(request, login))
        # A challenge counts only from the registry itself, not from where it redirected us.
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

    def _accepted(self, answer: RegistryAnswer, subject: Subject) -> RegistryAnswer:
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
