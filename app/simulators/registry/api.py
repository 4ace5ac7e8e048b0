"""The URL table under /v2/: finds the operation for a method and a path, and turns a RegistryError into its document.

It has its own small router, because a repository name contains slashes, and because Distribution answers plain text to
names outside the grammar. https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .answers import RegistryError, no_route
from .auth import authenticate
from .blobs import Uploads, delete_blob, read_blob
from .call import RegistryCall
from .grammar import is_digest, is_repository, is_tag
from .listings import check_version, list_repositories, list_tags
from .manifests import delete_manifest, put_manifest, read_manifest
from .registry import LocalRegistry

Operation = Callable[[RegistryCall], Awaitable[Response]]

_PATH = re.compile(
    r"/v2/(?P<repository>.+)/(?P<kind>tags/list|manifests/|blobs/uploads/|blobs/)(?P<reference>[^/]*)", re.ASCII
)


class RegistryApi:
    """The ASGI application for everything under /v2/."""

    def __init__(self, registry: LocalRegistry) -> None:
        uploads = Uploads()
        self._registry = registry
        self._table: dict[str, dict[str, Operation]] = {
            "check": {"GET": check_version, "HEAD": check_version},
            "catalog": {"GET": list_repositories},
            "tags": {"GET": list_tags},
            "manifest": {
                "GET": read_manifest,
                "HEAD": read_manifest,
                "PUT": put_manifest,
                "DELETE": delete_manifest,
            },
            "blob": {"GET": read_blob, "HEAD": read_blob, "DELETE": delete_blob},
            "uploads": {"POST": uploads.start},
            "upload": {
                "GET": uploads.show,
                "PATCH": uploads.append,
                "PUT": uploads.finish,
                "DELETE": uploads.cancel,
            },
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except RegistryError as error:
            answer = error.answer(self._registry.settings.version)
        answer.headers["docker-distribution-api-version"] = "registry/2.0"
        if request.method == "HEAD":
            answer.body = b""
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        found = _route(request.url.path)
        if found is None:
            return no_route()
        name, repository, reference = found
        actor = authenticate(self._registry, request, repository)
        operation = self._table[name].get(request.method)
        if operation is None:
            raise RegistryError(405, "UNSUPPORTED", "The operation is unsupported.")
        call = RegistryCall(
            request=request, registry=self._registry, repository=repository, reference=reference, actor=actor
        )
        return await operation(call)


def _route(path: str) -> tuple[str, str, str] | None:
    """(row of the table, repository, reference), or None if Distribution has no route for the path."""
    if path in ("/v2/", "/v2/_catalog"):
        return ("check" if path == "/v2/" else "catalog"), "", ""
    match = _PATH.fullmatch(path)
    if match is None or not is_repository(match["repository"]):
        return None
    reference = match["reference"]
    fits = {
        "tags/list": ("tags", not reference),
        "manifests/": ("manifest", is_tag(reference) or is_digest(reference)),
        "blobs/uploads/": ("upload" if reference else "uploads", True),
        "blobs/": ("blob", is_digest(reference)),
    }
    name, valid = fits[match["kind"]]
    return (name, match["repository"], reference) if valid else None
