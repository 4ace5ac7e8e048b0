"""Which manifest a client gets for its Accept header: Distribution's rules with their pitfalls. Pure.

https://github.com/distribution/distribution/blob/v2.8.2/registry/handlers/manifests.go
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from .answers import RegistryError
from .grammar import DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA_1, OCI_INDEX, OCI_MANIFEST
from .images import StoredManifest
from .settings import Version

FindChild = Callable[[str], StoredManifest | None]


def accepted(headers: Iterable[str]) -> frozenset[str]:
    """The media types of all Accept headers. A wildcard is not expanded and so matches nothing, as in Distribution."""
    return frozenset(part.partition(";")[0].strip() for header in headers for part in header.split(","))


def negotiate(manifest: StoredManifest, accept: frozenset[str], version: Version) -> StoredManifest:
    """The rules for tags and digests. Raises RegistryError for a type that the client does not accept."""
    if manifest.media_type == OCI_MANIFEST and OCI_MANIFEST not in accept:
        raise _unknown("OCI manifest found, but accept header does not support OCI manifests")
    if manifest.media_type == OCI_INDEX and OCI_INDEX not in accept and version == "2.8":
        raise _unknown("OCI index found, but accept header does not support OCI indexes")
    return manifest


def negotiate_tag(
    manifest: StoredManifest, accept: frozenset[str], version: Version, *, child: FindChild
) -> StoredManifest:
    """The conversions for tags only: an old client gets another document with another digest."""
    if manifest.media_type == DOCKER_LIST and DOCKER_LIST not in accept:
        manifest = _default_platform(manifest, child)
    if manifest.media_type == DOCKER_MANIFEST and DOCKER_MANIFEST not in accept and version == "2.8":
        return _schema_1(manifest)
    return manifest


def _default_platform(index: StoredManifest, child: FindChild) -> StoredManifest:
    for entry in json.loads(index.body)["manifests"]:
        platform = entry.get("platform", {})
        found = child(entry["digest"])
        if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64") and found is not None:
            return found
    raise _unknown("manifest unknown")


def _schema_1(manifest: StoredManifest) -> StoredManifest:
    # The signature is invalid. A client only needs a type and digest that differ from those of the stored manifest.
    layers = [{"blobSum": layer["digest"]} for layer in json.loads(manifest.body).get("layers", [])]
    body = json.dumps({"schemaVersion": 1, "architecture": "amd64", "fsLayers": layers, "signatures": []}, indent=3)
    return StoredManifest.of(body.encode(), DOCKER_SCHEMA_1)


def _unknown(message: str) -> RegistryError:
    return RegistryError(404, "MANIFEST_UNKNOWN", message)
