"""Authentication and authorization under /v2/: users, tokens, the challenges of 401, and the token endpoint.

https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import base64
import binascii
import hmac
import math
from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .answers import RegistryError
from .registry import LocalRegistry
from .settings import BasicAuth, BearerAuth
from .tokens import Grant, parse_scopes

_ACTIONS = {"GET": ("pull",), "HEAD": ("pull",), "DELETE": ("delete",)}


def authenticate(registry: LocalRegistry, request: Request, repository: str) -> str:
    """The name of the user, "" for anonymous. `repository` may be "". RegistryError 401 with a challenge."""
    auth = registry.settings.auth
    if auth is None:
        return ""
    if isinstance(auth, BasicAuth):
        user = _basic_user(request, auth.users)
        if user is None:
            raise _unauthorized(f'Basic realm="{auth.realm}"', detail=None)
        return user
    return _bearer_user(registry, auth, request, repository)


async def serve_token(registry: LocalRegistry, request: Request) -> Response:
    """GET /token: a token for the requested scopes. Wrong credentials: 401. No credentials: at most `pull`."""
    auth = registry.settings.auth
    if not isinstance(auth, BearerAuth):
        return Response(status_code=404)
    user = _basic_user(request, auth.users) if "authorization" in request.headers else ""
    if user is None:
        return _unauthorized(f'Basic realm="{auth.service}"', detail=None).answer(registry.settings.version)
    access = parse_scopes(request.query_params.getlist("scope"))
    if not user:
        allowed = {"pull"} if auth.anonymous_pull else set()
        access = frozenset((name, action) for name, action in access if action in allowed)
    now = registry.clock()
    token = registry.tokens.issue(Grant(access=access, expires_at=now + auth.lifetime, actor=user))
    issued_at = datetime.fromtimestamp(now, UTC).isoformat()
    seconds = math.ceil(auth.lifetime)  # clients written in Go reject a fraction
    return JSONResponse({"token": token, "access_token": token, "expires_in": seconds, "issued_at": issued_at})


def _bearer_user(registry: LocalRegistry, auth: BearerAuth, request: Request, repository: str) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    grant = registry.tokens.check(token.strip(), now=registry.clock()) if scheme.lower() == "bearer" else None
    actions = _ACTIONS.get(request.method, ("pull", "push"))
    needed = {(repository, action) for action in actions} if repository else set()
    if grant is not None and needed <= grant.access:
        return grant.actor
    challenge = f'Bearer realm="{request.url.scheme}://{request.url.netloc}/token",service="{auth.service}"'
    if repository:
        challenge += f',scope="repository:{repository}:{",".join(actions)}"'
    if token:
        challenge += f',error="{"invalid_token" if grant is None else "insufficient_scope"}"'
    detail = [{"Type": "repository", "Class": "", "Name": name, "Action": action} for name, action in sorted(needed)]
    raise _unauthorized(challenge, detail=detail or None)


def _basic_user(request: Request, users: Mapping[str, str]) -> str | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    known = hmac.compare_digest(users.get(user, "").encode(), password.encode())
    return user if known and user in users else None


def _unauthorized(challenge: str, *, detail: object) -> RegistryError:
    return RegistryError(
        401, "UNAUTHORIZED", "authentication required", detail=detail, headers={"www-authenticate": challenge}
    )
