"""Blobs over HTTP: read, delete and upload, as skopeo and docker do it.

Open uploads are kept in memory only, so a restart loses them.
https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs
"""

from __future__ import annotations

import uuid

from starlette.responses import Response

from .answers import RegistryError, blob_unknown
from .call import RegistryCall
from .events import EventTarget
from .grammar import OCTET_STREAM, is_digest
from .images import digest_of


async def read_blob(call: RegistryCall) -> Response:
    body = call.registry.contents.blob(call.repository, call.reference)
    if body is None:
        raise blob_unknown(call.reference)
    target = EventTarget(repository=call.repository, media_type=OCTET_STREAM, digest=call.reference, size=len(body))
    call.registry.emit("pull", target, origin=call.origin())
    headers = {
        "content-length": str(len(body)),
        "content-type": OCTET_STREAM,
        "docker-content-digest": call.reference,
        "etag": f'"{call.reference}"',
    }
    return Response(b"" if call.request.method == "HEAD" else body, headers=headers)


async def delete_blob(call: RegistryCall) -> Response:
    if not call.registry.delete_blob(call.repository, call.reference, origin=call.origin()):
        raise blob_unknown(call.reference)
    return Response(status_code=202)


class Uploads:
    """The open uploads, by id."""

    def __init__(self) -> None:
        self._open: dict[str, bytearray] = {}

    async def start(self, call: RegistryCall) -> Response:
        """POST: open an upload, store a whole blob at once (`digest`), or mount one (`mount` and `from`)."""
        query = call.request.query_params
        if is_digest(query.get("mount", "")) and query.get("from"):
            mounted = self._mount(call, query["mount"], query["from"])
            if mounted is not None:
                return mounted
        upload = str(uuid.uuid4())
        if "digest" in query:
            return _store(call, await call.request.body(), query["digest"])
        self._open[upload] = bytearray()
        return _progress(call, upload, 0, status=202)

    async def show(self, call: RegistryCall) -> Response:
        return _progress(call, call.reference, len(self._find(call)), status=204)

    async def append(self, call: RegistryCall) -> Response:
        """PATCH: append a chunk. A Content-Range that does not start at the end is refused with 416."""
        body = self._find(call)
        start = call.request.headers.get("content-range", "").partition("-")[0]
        if start and start != str(len(body)):
            return _progress(call, call.reference, len(body), status=416)
        async for chunk in call.request.stream():
            body += chunk
        return _progress(call, call.reference, len(body), status=202)

    async def finish(self, call: RegistryCall) -> Response:
        """PUT: append the last chunk, which may be the whole blob, and check the digest."""
        body = self._find(call) + await call.request.body()
        answer = _store(call, bytes(body), call.request.query_params.get("digest", ""))
        del self._open[call.reference]
        return answer

    async def cancel(self, call: RegistryCall) -> Response:
        self._find(call)
        del self._open[call.reference]
        return Response(status_code=204)

    def _find(self, call: RegistryCall) -> bytearray:
        if call.reference not in self._open:
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        return self._open[call.reference]

    def _mount(self, call: RegistryCall, digest: str, source: str) -> Response | None:
        body = call.registry.contents.blob(source, digest)
        if body is None:
            return None
        call.registry.contents.put_blob(call.repository, body)
        target = EventTarget(
            repository=call.repository,
            media_type=OCTET_STREAM,
            digest=digest,
            size=len(body),
            from_repository=source,
        )
        call.registry.emit("mount", target, origin=call.origin())
        return _created(call, digest)


def _store(call: RegistryCall, body: bytes, digest: str) -> Response:
    if digest != digest_of(body):
        raise RegistryError(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
    call.registry.put_blob(call.repository, body, origin=call.origin())
    return _created(call, digest)


def _created(call: RegistryCall, digest: str) -> Response:
    location = _url(call, f"/v2/{call.repository}/blobs/{digest}")
    return Response(status_code=201, headers={"location": location, "docker-content-digest": digest})


def _progress(call: RegistryCall, upload: str, size: int, *, status: int) -> Response:
    headers = {
        "location": _url(call, f"/v2/{call.repository}/blobs/uploads/{upload}"),
        "range": f"0-{max(size - 1, 0)}",
        "docker-upload-uuid": upload,
    }
    return Response(status_code=status, headers=headers)


def _url(call: RegistryCall, path: str) -> str:
    return str(call.request.url.replace(path=path, query=""))
