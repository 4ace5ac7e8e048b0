"""Manifests over HTTP: read, put and delete, by tag and by digest.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints (end-2, end-3, end-7, end-9)
"""

from __future__ import annotations

import asyncio
import json

from starlette.responses import Response

from .answers import RegistryError, manifest_unknown
from .call import RegistryCall
from .contents import Contents
from .grammar import DOCKER_LIST, OCI_INDEX, is_digest
from .images import StoredManifest
from .negotiation import accepted, negotiate, negotiate_tag
from .registry import manifest_target

_LIMIT = 4 * 1024 * 1024


async def read_manifest(call: RegistryCall) -> Response:
    """GET and HEAD. A matching If-None-Match gives 304 before Accept is read, and no pull event."""
    contents, tag = call.registry.contents, "" if is_digest(call.reference) else call.reference
    manifest = contents.manifest(call.repository, call.reference)
    if manifest is None:
        raise manifest_unknown(call.repository, call.reference, version=call.version)
    if call.request.headers.get("if-none-match") in (manifest.digest, f'"{manifest.digest}"'):
        return Response(status_code=304)
    target = manifest_target(call.repository, manifest, tag=tag)
    call.registry.emit("pull", target, origin=call.origin())
    accept = accepted(call.request.headers.getlist("accept"))
    negotiate(manifest, accept, call.version)
    if tag:
        manifest = negotiate_tag(
            manifest, accept, call.version, child=lambda digest: contents.manifest(call.repository, digest)
        )
    return _show(manifest, head=call.request.method == "HEAD")


async def put_manifest(call: RegistryCall) -> Response:
    """Distribution's order: store the manifest, send the event, then (after `link_delay`) link the tag."""
    body = await call.request.body()
    manifest = StoredManifest.of(body, call.request.headers.get("content-type", ""))
    by_digest = is_digest(call.reference)
    if by_digest and call.reference != manifest.digest:
        raise RegistryError(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
    _check(call.registry.contents, call.repository, manifest)
    tag = "" if by_digest else call.reference
    call.registry.put_manifest(call.repository, manifest, tag=tag, origin=call.origin())
    if tag:
        if call.registry.link_delay:
            await asyncio.sleep(call.registry.link_delay)
        call.registry.link(call.repository, tag, manifest.digest)
    location = str(call.request.url.replace(path=f"/v2/{call.repository}/manifests/{manifest.digest}"))
    return Response(status_code=201, headers={"location": location, "docker-content-digest": manifest.digest})


async def delete_manifest(call: RegistryCall) -> Response:
    """By digest in every version. By tag in 3.x only; 2.8 refuses it with a misleading error."""
    if is_digest(call.reference):
        deleted = call.registry.delete_manifest(call.repository, call.reference, origin=call.origin())
    elif call.version == "2.8":
        raise RegistryError(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
    else:
        deleted = call.registry.delete_tag(call.repository, call.reference, origin=call.origin())
    if not deleted:
        raise manifest_unknown(call.repository, call.reference, version=call.version)
    return Response(status_code=202)


def _show(manifest: StoredManifest, *, head: bool) -> Response:
    headers = {
        "content-length": str(len(manifest.body)),
        "content-type": manifest.media_type,
        "docker-content-digest": manifest.digest,
        "etag": f'"{manifest.digest}"',
    }
    return Response(b"" if head else manifest.body, headers=headers)


def _check(contents: Contents, repository: str, manifest: StoredManifest) -> None:
    """Raise RegistryError for an invalid manifest, and for one that names content not in the repository."""
    if len(manifest.body) > _LIMIT:
        raise RegistryError(413, "MANIFEST_INVALID", "manifest too large")
    try:
        document = json.loads(manifest.body)
        if manifest.media_type in (OCI_INDEX, DOCKER_LIST):
            named = [entry["digest"] for entry in document["manifests"]]
            missing = [digest for digest in named if contents.manifest(repository, digest) is None]
        else:
            named = [entry["digest"] for entry in (document["config"], *document["layers"])]
            missing = [digest for digest in named if contents.blob(repository, digest) is None]
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(400, "MANIFEST_INVALID", "manifest invalid", detail=str(error)) from error
    if missing:
        raise RegistryError(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", detail=missing)
