"""Who may call what: tokens with roles, and, where none are configured, what this machine alone may do.

Pure. It must not know routes: each declares the role that it needs in routes.py.
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
    """What a caller may do; each role may do what the ones before it may."""

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
    """Who calls: the token's name, "" when unknown, and what they may do.

    `limit` says why one without a token may only read, and how to change that.
    """

    name: str
    role: Role
    limit: str = ""


NOBODY = Caller(name="", role=Role.ANYBODY)
ELSEWHERE = Arrival()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may call. `hosts` are further names that we go by, and `outward` is one by which other machines reach us.

    `origins` are those of further URLs that we go by ("host" or "host:port"), `https` is whether one of those is HTTPS.
    `guarded` is whether nobody may read without a token, though none may be left.
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
        """Who calls at `now` (Unix time), by a request of `scheme`; Rejected with 401 or 403 and the mend otherwise."""
        if needs is Role.ANYBODY:
            return NOBODY
        if self.tokens:
            return self._admit_token(headers, needs, now=now, scheme=scheme)
        if self.guarded:
            raise Rejected(
                "the tokens are gone from the configuration since this process started: put [api_tokens.NAME] back, "
                "or restart it to do without",
                status=403,
            )
        return self._admit_nameless(headers, needs, arrival)

    def holder(self, candidate: str) -> AccessToken | None:
        """The token that this is the secret of."""
        found = [token for token in self.tokens if token.matches(candidate)]
        return found[0] if found else None

    def is_https(self, scheme: str) -> bool:
        """Whether browsers reach us by HTTPS, as far as a request of that scheme, or the configuration, tells."""
        return self.https or scheme == "https"

    def _admit_nameless(self, headers: Headers, needs: Role, arrival: Arrival) -> Caller:
        if arrival.listening.loopback:
            self._check_host(headers)
        limit = self._limit(arrival)
        if needs > Role.VIEWER:
            if limit:
                raise Rejected(limit, status=403)
            check_origin(headers, self.origins, told=False)
        return Caller(name="", role=Role.VIEWER if limit else Role.ADMIN, limit=limit)

    def _limit(self, arrival: Arrival) -> str:
        """Why a nameless caller may only read, with the mend; "" when it can only be this machine."""
        doubt, fix = arrival.doubt, _MAKE_TOKENS
        if doubt and not arrival.listening.loopback:
            fix += ', or listen on "127.0.0.1:8080" and restart'
        elif not doubt and self.outward:
            doubt = f"external_url says that others reach this service, as {self.outward}"
            fix += ", or take external_url out and restart"
        return f"{doubt}; without tokens, only this machine may change things: {fix}" if doubt else ""

    def _admit_token(self, headers: Headers, needs: Role, *, now: float, scheme: str) -> Caller:
        how, candidate = _credentials(headers)
        token = self.holder(candidate)
        if token is None:  # a proxy in front may have credentials of its own in the header
            how, token = "cookie", self._signed_in(headers, now=now, scheme=scheme)
        if token is None:
            raise Rejected(
                "send a configured token: Authorization: Bearer <token>; with a browser, sign in at /login", status=401
            )
        if token.role < needs:
            raise Rejected(
                f"the token {token.name!r} has the role {token.role.name.lower()}; this needs {needs.name.lower()}: "
                f"{'sign in with' if how == 'cookie' else 'send'} one with that role",
                status=403,
            )
        if how != "bearer" and needs > Role.VIEWER:
            check_origin(headers, self.origins)
        return Caller(name=token.name, role=token.role)

    def _signed_in(self, headers: Headers, *, now: float, scheme: str) -> AccessToken | None:
        name = session.cookie_name(https=self.is_https(scheme))
        cookie = cookie_parser(headers.get("cookie", "")).get(name, "")
        return next((token for token in self.tokens if session.opens(cookie, token, now=now)), None)

    def _check_host(self, headers: Headers) -> None:
        """A page of somebody else can have its own name resolve to this machine: such a name is not ours."""
        name = _hostname(headers.get("host", ""))
        if not (is_loopback(name) or name in self.hosts):
            raise Rejected(
                f"this service is not called {name[:100]!r}: use http://localhost with its port, set external_url to "
                f"read by that name, or {_MAKE_TOKENS}",
                status=403,
            )


def check_origin(headers: Headers, origins: frozenset[str], *, told: bool = True) -> None:
    """Browsers say where a request comes from; one that another site's page makes is refused, and, when it must be
    `told`, one that does not say: what a browser sends along by itself proves nothing."""
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    own = {headers.get("host", "").lower(), *origins}
    foreign = origin is not None and (_netloc(origin) or "?") not in own  # "null" has no host
    if site not in (None, "none", "same-origin") or foreign:
        raise Rejected("a page of another site must not change things here: open our own page instead", status=403)
    if told and site is None and origin is None:
        raise Rejected(
            "this does not say where it comes from: send Origin, or the token as Authorization: Bearer", status=403
        )


def _credentials(headers: Headers) -> tuple[str, str]:
    """The scheme in lower case and the token. Browsers cannot send Bearer: there it is the password, under any name."""
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
