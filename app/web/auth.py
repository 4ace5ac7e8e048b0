"""Who may call what: tokens with roles, and, where none are configured, what the listening address allows.

Pure. It must not know routes: each declares the role that it needs in routes.py.
"""

import base64
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from app.errors import Rejected
from app.web.session import unseal

SESSION, SESSION_OVER_TLS = "session", "__Host-session"
"""The cookie of who is signed in; over TLS no other host can have set it."""

_MAKE_TOKENS = 'configure tokens: [api_tokens.NAME] with role = "deployer" and token = "…" (openssl rand -hex 32)'


class Role(IntEnum):
    """What a caller may do; each role may do what the ones before it may."""

    ANYBODY = 0
    VIEWER = 1
    DEPLOYER = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A configured token. `matches` compares a candidate in constant time; `sign` is a MAC of a message by it."""

    name: str
    role: Role
    matches: Callable[[str], bool]
    sign: Callable[[bytes], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, by the token's name ("" where none are configured), and what they may do."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may call. `loopback` is whether only this machine can reach us; `hosts` are further names that we go by."""

    tokens: tuple[AccessToken, ...] = ()
    loopback: bool = False
    hosts: frozenset[str] = frozenset()

    def admit(self, headers: Headers, needs: Role, *, now: float) -> Caller:
        """The caller, at Unix second `now`; Rejected with 401 or 403 and the mend otherwise."""
        if needs is Role.ANYBODY:
            return Caller(name="", role=needs)
        if self.tokens:
            return self._admit_token(headers, needs, now)
        if self.loopback:
            self._check_host(headers)
        elif needs > Role.VIEWER:
            raise Rejected(
                f"without tokens, only this machine may change things, and we listen wider: {_MAKE_TOKENS}, "
                'or listen on "127.0.0.1:8080"',
                status=403,
            )
        if needs > Role.VIEWER:
            check_origin(headers)
        return Caller(name="", role=Role.ADMIN if self.loopback else Role.VIEWER)

    def _admit_token(self, headers: Headers, needs: Role, now: float) -> Caller:
        scheme, candidate = _credentials(headers)
        token = next((token for token in self.tokens if token.matches(candidate)), None)
        if token is None and not scheme:
            scheme, token = "cookie", self._signed_in(headers, now)
        if token is None:
            raise Rejected("send a configured token: Authorization: Bearer <token>", status=401)
        if token.role < needs:
            raise Rejected(
                f"the token {token.name!r} has the role {token.role.name.lower()}; this needs {needs.name.lower()}: "
                "send one with that role",
                status=403,
            )
        if scheme in ("basic", "cookie") and needs > Role.VIEWER:
            check_origin(headers, required=scheme == "cookie")
        return Caller(name=token.name, role=token.role)

    def _signed_in(self, headers: Headers, now: float) -> AccessToken | None:
        """Who a browser's cookie says it is."""
        cookies = cookie_parser(headers.get("cookie", ""))
        found = (unseal(cookies.get(name, ""), self.tokens, now=now) for name in (SESSION_OVER_TLS, SESSION))
        return next(filter(None, found), None)

    def _check_host(self, headers: Headers) -> None:
        """A page of somebody else can have its own name resolve to this machine: such a name is not ours."""
        name = _hostname(headers.get("host", ""))
        if not (is_loopback(name) or name in self.hosts):
            raise Rejected(
                f"this service is not called {name[:100]!r}: use http://localhost with its port, set external_url, "
                f"or {_MAKE_TOKENS}",
                status=403,
            )


def is_loopback(host: str) -> bool:
    """Whether the name or address can only mean this machine."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def check_origin(headers: Headers, *, required: bool = False) -> None:
    """Browsers say where a request comes from; Rejected (403) for one that another site's page makes.

    `required` refuses one that says nothing, too: who holds a cookie is a browser.
    """
    site = headers.get("sec-fetch-site", "none")
    origin = headers.get("origin")
    if required and origin is None and "sec-fetch-site" not in headers:
        raise Rejected("your browser does not say which page asks: use a current one, or the API", status=403)
    foreign = origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    if site not in ("none", "same-origin") or foreign:
        raise Rejected("a page of another site must not change things here: open our own page instead", status=403)


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
