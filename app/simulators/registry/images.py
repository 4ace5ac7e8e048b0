"""Builds small but real images: manifest, configuration, one layer. Deterministic, without I/O.

Equal content gives an equal digest. So one argument decides between "the same image again" and "another image under the
same tag". skopeo and docker can pull these images.
https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass

from .grammar import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredManifest:
    """The exact bytes of a manifest or index, their type and their digest."""

    media_type: str
    body: bytes
    digest: str

    @classmethod
    def of(cls, body: bytes, media_type: str) -> StoredManifest:
        return cls(media_type=media_type, body=body, digest=digest_of(body))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """Everything to upload for one tag: `top` gets the tag, `children` are the platforms of an index."""

    top: StoredManifest
    children: tuple[StoredManifest, ...]
    blobs: tuple[bytes, ...]


def build_image(content: str, platforms: Sequence[str] = ()) -> StoredImage:
    """Build an image with `content` in one file. With platforms (`linux/arm64`, …): an index of one image each."""
    if not platforms:
        manifest, blobs = _build_platform(content, "linux/amd64")
        return StoredImage(top=manifest, children=(), blobs=blobs)
    built = [_build_platform(content, platform) for platform in platforms]
    entries = [
        {**_descriptor(manifest.body, OCI_MANIFEST), "platform": _platform(platform)}
        for platform, (manifest, _) in zip(platforms, built, strict=True)
    ]
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    return StoredImage(
        top=StoredManifest.of(index, OCI_INDEX),
        children=tuple(manifest for manifest, _ in built),
        blobs=tuple(blob for _, blobs in built for blob in blobs),
    )


def _build_platform(content: str, platform: str) -> tuple[StoredManifest, tuple[bytes, ...]]:
    archive = _archive(content.encode())
    layer = gzip.compress(archive, mtime=0)
    config = json.dumps(
        {
            **_platform(platform),
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(archive)]},
            "history": [{"created_by": "registrywatcher local registry"}],
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _descriptor(config, OCI_CONFIG),
            "layers": [_descriptor(layer, OCI_LAYER)],
        }
    ).encode()
    return StoredManifest.of(manifest, OCI_MANIFEST), (config, layer)


def _archive(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo("content")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _platform(text: str) -> dict[str, str]:
    return dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False))


def _descriptor(body: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(body), "size": len(body)}
