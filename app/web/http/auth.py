"""Who may call what: tokens with roles; without tokens, only this machine may change things.

Pure. It does not know the routes: each declares the role that it needs in routes.py.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from app.errors import Rejected
from app.outbound.loopback import is_loopback
from app.web.http import session
from app.web.http.arrival import Arrival

_MAKE_TOKENS = 'configure tokens: [api_tokens.NAME] with role = "deployer" and token = "…" (openssl rand -hex 32)'


class Role(IntEnum):
    """What a caller may do; each role includes the roles before it."""

    ANYBODY = 0
    VIEWER = 1
    DEPLOYER = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A configured token. `matches` compares a candidate in constant time; `sign` is HMAC-SHA256 by its secret."""

    name: str
    role: Role
    matches: Callable[[str], bool]
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: the token's name, "" without a token, and the role.

    `limit` says why a caller without a token may only read, and how to change that; "" for all others.
    """

    name: str
    role: Role
    limit: str = ""


NOBODY = Caller(name="", role=Role.ANYBODY)
ELSEWHERE = Arrival()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may call. `hosts` are further host names of this service; `outward` is one by which other machines reach it.

    `origins` are the origins of its further URLs ("host" or "host:port"); `https` is true when one of them is HTTPS.
    `guarded` is true when nobody may read without a token, even if no token is left.
    """

    tokens: tuple[AccessToken, ...] = ()
    guarded: bool = False
    outward: str = ""
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    https: bool = False

    def admit(
        self, headers: Headers, needs: Role, *, now: float, scheme: str = "http", arrival: Arrival = ELSEWHERE
    ) -> Caller:
        """The caller at `now` (Unix time), by a request of `scheme`; Rejected with 401 or 403 and the fix otherwise."""
        if needs is Role.ANYBODY:
            return NOBODY
        if self.tokens:
            return self._admit_token(headers, needs, now=now, scheme=scheme)
        if self.guarded:
            raise Rejected(
                "the tokens were removed from the configuration: put [api_tokens.NAME] back, "
                "or restart this process to work without tokens",
                status=403,
            )
        return self._admit_nameless(headers, needs, arrival)

    def holder(self, candidate: str) -> AccessToken | None:
        """The token with this secret; None without one."""
        found = [token for token in self.tokens if token.matches(candidate)]
        return found[0] if found else None

    def is_https(self, scheme: str) -> bool:
        """Whether browsers use HTTPS, by the request's scheme or by the configuration."""
        return self.https or scheme == "https"

    def _admit_nameless(self, headers: Headers, needs: Role, arrival: Arrival) -> Caller:
        if arrival.listening.loopback:
            self._check_host(headers)
        limit = self._limit(arrival)
        if needs > Role.VIEWER:
            if limit:
                raise Rejected(limit, status=403)
            check_origin(headers, self.origins, required=False)
        return Caller(name="", role=Role.VIEWER if limit else Role.ADMIN, limit=limit)

    def _limit(self, arrival: Arrival) -> str:
        """Why a caller without a token may only read, with the fix; "" when it can only be this machine."""
        reason, fix = arrival.remote_reason, _MAKE_TOKENS
        if reason and not arrival.listening.loopback:
            fix += ', or listen on "127.0.0.1:8080" and restart'
        elif not reason and self.outward:
            reason = f"external_url lets other machines reach this service as {self.outward}"
            fix += ", or remove external_url and restart"
        return f"{reason}; without tokens, only this machine may change things: {fix}" if reason else ""

    def _admit_token(self, headers: Headers, needs: Role, *, now: float, scheme: str) -> Caller:
        source, candidate = _credentials(headers)
        token = self.holder(candidate)
        if token is None:  # a proxy in front may put its own credentials into the header
            source, token = "cookie", self._signed_in(headers, now=now, scheme=scheme)
        if token is None:
            raise Rejected(
                "no configured token was sent: send Authorization: Bearer <token>; with a browser, sign in at /login",
                status=401,
            )
        if token.role < needs:
            raise Rejected(
                f"the token {token.name!r} has the role {token.role.name.lower()}; this needs {needs.name.lower()}: "
                f"{'sign in with' if source == 'cookie' else 'send'} one with that role",
                status=403,
            )
        if source != "bearer" and needs > Role.VIEWER:
            check_origin(headers, self.origins)
        return Caller(name=token.name, role=token.role)

    def _signed_in(self, headers: Headers, *, now: float, scheme: str) -> AccessToken | None:
        name = session.cookie_name(https=self.is_https(scheme))
        cookie = cookie_parser(headers.get("cookie", "")).get(name, "")
        return next((token for token in self.tokens if session.is_valid(cookie, token, now=now)), None)

    def _check_host(self, headers: Headers) -> None:
        """Refuse foreign host names: a hostile site can make its own name resolve to this machine (DNS rebinding)."""
        name = _hostname(headers.get("host", ""))
        if not (is_loopback(name) or name in self.hosts):
            raise Rejected(
                f"this service is not called {name[:100]!r}: use http://localhost with its port, set external_url to "
                f"read by that name, or {_MAKE_TOKENS}",
                status=403,
            )


def check_origin(headers: Headers, origins: frozenset[str], *, required: bool = True) -> None:
    """Refuse (Rejected, 403) a request that another site's page makes, by the headers in which browsers say so.

    With `required` also one without these headers: a browser sends cookies by itself, so a cookie proves nothing.
    """
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    own = {headers.get("host", "").lower(), *origins}
    foreign = origin is not None and (_netloc(origin) or "?") not in own  # "null" has no host
    if site not in (None, "none", "same-origin") or foreign:
        raise Rejected("a page of another site may not change things here: use the page of this service", status=403)
    if required and site is None and origin is None:
        raise Rejected("the request has no Origin header: send it, or the token as Authorization: Bearer", status=403)


def _credentials(headers: Headers) -> tuple[str, str]:
    """The scheme in lower case and the token. Browsers cannot send Bearer: they send the token as Basic password."""
    sent = headers.getlist("authorization")
    if len(sent) != 1:
        return "", ""
    scheme, _, value = sent[0].partition(" ")
    value = value.strip()
    if scheme.lower() != "basic":
        return scheme.lower(), value if scheme.lower() == "bearer" else ""
    try:
        return "basic", base64.b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:
        return "basic", ""


def _hostname(netloc: str) -> str:
    try:
        return (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
