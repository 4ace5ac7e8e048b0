"""Distribution's responses: JSON with its content type, and error documents.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import PlainTextResponse, Response

from .grammar import is_digest
from .settings import Version

_ABSENT = object()


def json_answer(
    content: object, *, version: Version, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Distribution ends its documents with a line feed; 2.8 names the character set, 3.x does not."""
    media_type = "application/json; charset=utf-8" if version == "2.8" else "application/json"
    merged = {"content-type": media_type, **(headers or {})}
    return Response(orjson.dumps(content) + b"\n", status_code=status, headers=merged)


class RegistryError(Exception):
    """An error document with its status. Without `detail` the key is left out, as in Distribution."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        detail: object = _ABSENT,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = headers

    def answer(self, version: Version) -> Response:
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.detail is not _ABSENT:
            error["detail"] = self.detail
        return json_answer({"errors": [error]}, version=version, status=self.status, headers=self.headers)


def no_route() -> Response:
    """The router's response to a name or tag outside the grammar."""
    return PlainTextResponse("404 page not found\n", 404, headers={"x-content-type-options": "nosniff"})


def name_unknown(repository: str) -> RegistryError:
    return RegistryError(404, "NAME_UNKNOWN", "repository name not known to registry", detail={"name": repository})


def manifest_unknown(repository: str, reference: str, *, version: Version) -> RegistryError:
    by_digest = is_digest(reference)
    detail: object
    if version == "2.8":
        detail = {"Name": repository, "Revision": reference} if by_digest else {"Tag": reference}
    else:
        detail = f"unknown manifest name={repository} revision={reference}" if by_digest else f"unknown tag={reference}"
    return RegistryError(404, "MANIFEST_UNKNOWN", "manifest unknown", detail=detail)


def blob_unknown(digest: str) -> RegistryError:
    return RegistryError(404, "BLOB_UNKNOWN", "blob unknown to registry", detail=digest)
