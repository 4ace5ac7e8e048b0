"""The registry's challenge and our answer to it, as values: which login it asks for, which token to request.

Spec: RFC 9110 section 11.6.1; https://distribution.github.io/distribution/spec/auth/token/. It must not do I/O, nor
decide who gets which credentials.
"""

import math
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson

CLIENT_ID = "registrywatcher"
_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SEPARATOR = re.compile(r"[\s,]+")
_SCHEME = re.compile(rf"({_WORD})(?=[\s,]|$)")
# Unquoted values are accepted: some registries send realm=https://… without quotes.
_PARAMETER = re.compile(rf'({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_ESCAPED = re.compile(r"\\(.)")
_HEADER_SAFE = re.compile(r"[\x21-\x7e]+")
_SHORTEST_LIFE = 60.0  # by the specification, servers must not give less, and clients raise smaller values to it
_LONGEST_LIFE = 86_400.0
_EARLY = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """The login that a 401 asks for. `scheme` is in lower case ("basic", "bearer"); absent parameters are ""."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A request for one token, and its key in the cache: realm, service, scope and identity (the account)."""

    realm: str
    service: str
    scope: str
    account: str

    @property
    def url(self) -> str:
        """The realm with our parameters after its own ones; one `scope` parameter per scope."""
        parts = urlsplit(self.realm)
        present = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
        ours = [("service", self.service), *(("scope", scope) for scope in self.scope.split())]
        ours += [("client_id", CLIENT_ID), ("account", self.account)]
        query = urlencode([(name, value) for name, value in ours if value and name not in present])
        return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, query])), fragment=""))


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerToken:
    """A bearer token, and for how many seconds after its request it may be used."""

    value: str
    usable_seconds: float


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """Every challenge of all WWW-Authenticate headers, in order, without those that cannot be parsed."""
    return tuple(challenge for header in headers for challenge in _challenges_of(header))


def choose(challenges: Iterable[Challenge]) -> Challenge | None:
    """The challenge to answer: Bearer with a realm, since it also works without credentials; else Basic; else None."""
    answerable = [one for one in challenges if one.scheme == "basic" or (one.scheme == "bearer" and one.realm)]
    return min(answerable, key=lambda one: one.scheme != "bearer", default=None)


def token_request(challenge: Challenge, *, repository: str, account: str) -> TokenRequest:
    """The token request for a Bearer challenge, to pull from `repository` if it names no scope (as on /v2/)."""
    return TokenRequest(
        realm=challenge.realm,
        service=challenge.service,
        scope=challenge.scope or f"repository:{repository}:pull",
        account=account,
    )


def parse_token(body: bytes) -> BearerToken:
    """The token in the token service's answer. Raises ValueError when it contains none that a header can contain.

    Its life counts from our own request, not from `issued_at`, so that different clocks do no harm.
    """
    answer = orjson.loads(body)
    if not isinstance(answer, dict):
        raise ValueError("the answer is no JSON object")
    value = answer.get("token") or answer.get("access_token")
    if not isinstance(value, str) or _HEADER_SAFE.fullmatch(value) is None:
        raise ValueError("the answer contains no token")
    return BearerToken(value=value, usable_seconds=_usable_seconds(answer.get("expires_in")))


def basic(username: str, password: str) -> str:
    """The Authorization header of a user and password (RFC 7617, UTF-8)."""
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode("ascii")


def bearer(token: str) -> str:
    """The Authorization header of a token."""
    return f"Bearer {token}"


def _challenges_of(header: str) -> list[Challenge]:
    found: list[tuple[str, dict[str, str]]] = []
    position = 0
    while position < len(header):
        if match := _SEPARATOR.match(header, position):
            pass
        elif found and (match := _PARAMETER.match(header, position)):
            name, quoted, plain = match.groups()
            found[-1][1].setdefault(name.lower(), plain or _ESCAPED.sub(r"\1", quoted))
        elif match := _SCHEME.match(header, position):
            found.append((match[1].lower(), {}))
        else:
            break
        position = match.end()
    return [
        Challenge(
            scheme=scheme, realm=given.get("realm", ""), service=given.get("service", ""), scope=given.get("scope", "")
        )
        for scheme, given in found
    ]


def _usable_seconds(expires_in: object) -> float:
    is_number = isinstance(expires_in, int | float) and not isinstance(expires_in, bool) and math.isfinite(expires_in)
    life = float(expires_in) if is_number else _SHORTEST_LIFE  # type: ignore[arg-type]
    return min(max(life, _SHORTEST_LIFE), _LONGEST_LIFE) - _EARLY
