"""The logins at one registry: remember its challenge for each repository, and answer it by Basic or Bearer.

Credentials go only to the registry itself and to the realm that it names, if that is a safe address.
Spec: https://distribution.github.io/distribution/spec/auth/token/, RFC 7617.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from app.adapters.registry.auth import challenges
from app.adapters.registry.auth.challenges import BearerToken, Challenge, TokenRequest
from app.adapters.registry.auth.tokens import TokenCache
from app.adapters.registry.client.endpoint import RegistryEndpoint
from app.adapters.registry.client.exchange import RegistryRequest
from app.adapters.registry.client.failures import RegistryAnswer, RegistryContext, denied, refused, unavailable
from app.adapters.registry.client.origins import why_unsafe
from app.outbound.client import bounded

_MAX_TOKEN_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """An Authorization header; `fresh` if it was made for this request, so that another login would give the same."""

    header: str
    fresh: bool


class Logins:
    """The logins at one registry. `send` makes one HTTP exchange, `now` is the wall clock, `clock` a monotonic one."""

    def __init__(
        self,
        endpoint: RegistryEndpoint,
        send: Callable[[RegistryRequest], Awaitable[RegistryAnswer]],
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._endpoint = endpoint
        self._send = send
        self._now = now
        self._tokens = TokenCache(self._fetch, clock=clock)
        self._challenges: dict[str, Challenge] = {}

    async def known(self, repository: str) -> Login | None:
        """The login for the repository's last challenge, renewed if it expired; None without a challenge so far.

        If that fails, all challenges are forgotten: the registry may ask for another login now, or for none.
        """
        challenge = self._challenges.get(repository)
        if challenge is None:
            return None
        try:
            return await self._answer(challenge, repository, refused_header=None)
        except Exception:
            self._challenges.clear()
            raise

    async def after(self, answer: RegistryAnswer, repository: str, *, tried: Login | None) -> Login | None:
        """The login that answers a 401 or 403; None when no other than `tried` is possible."""
        challenge = challenges.choose(challenges.parse_challenges(answer.headers.get_list("www-authenticate")))
        known = self._challenges.get(repository)
        if challenge is None and answer.status == HTTPStatus.FORBIDDEN:
            challenge = known
        repeats = tried is not None and challenge == known
        if challenge is None or (repeats and tried is not None and tried.fresh):
            return None
        if challenge.scheme == "basic" and (repeats or not self._endpoint.has_credentials):
            return None
        self._challenges[repository] = challenge
        return await self._answer(challenge, repository, refused_header=tried.header if tried else None)

    async def _answer(self, challenge: Challenge, repository: str, *, refused_header: str | None) -> Login:
        if challenge.scheme == "basic":
            return Login(header=challenges.basic(self._endpoint.username, self._endpoint.password), fresh=False)
        request = challenges.token_request(challenge, repository=repository, account=self._endpoint.username)
        held = self._tokens.peek(request)
        refused_token = refused_header.partition(" ")[2] if refused_header else None
        token = await self._tokens.get(request, instead_of=refused_token)
        return Login(header=challenges.bearer(token), fresh=token != held)

    async def _fetch(self, request: TokenRequest) -> BearerToken:
        subject = RegistryContext(
            endpoint=self._endpoint, repository=request.scope.removeprefix("repository:").rpartition(":")[0]
        )
        service = f"its token service {bounded(urlsplit(request.realm).hostname or '(no host)', limit=120)}"
        reason = why_unsafe(request.realm, home=self._endpoint.origin)
        if reason is not None:
            raise unavailable(subject, f"{service} is not contacted: {reason}", fix="check registry_domain")
        identity = challenges.basic(self._endpoint.username, self._endpoint.password)
        answer = await self._send(
            RegistryRequest(
                method="GET",
                url=request.url,
                limit=_MAX_TOKEN_BYTES,
                accept="application/json",
                authorization=identity if self._endpoint.has_credentials else None,
            )
        )
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise denied(subject, f"{service} answered HTTP {answer.status}")
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= 500:
            raise refused(subject, answer, now=self._now())
        if answer.status != HTTPStatus.OK:
            raise unavailable(subject, f"{service} answered HTTP {answer.status}")
        try:
            return challenges.parse_token(answer.body)
        except ValueError as error:
            raise unavailable(subject, f"{service} gave no token: {subject.quote(str(error))}") from error
