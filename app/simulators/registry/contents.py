"""The contents of the registry: blobs, and per repository its manifests and tags. In memory; knows no HTTP.

A repository still exists after its last tag was deleted, as in Distribution. Tags are in the order of their creation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .generated import Generated
from .grammar import is_digest
from .images import StoredManifest, digest_of


@dataclass(slots=True, kw_only=True)
class StoredRepository:
    """One repository. `untagged` are tags of the generated repository of the same name that were deleted."""

    blobs: set[str] = field(default_factory=set)
    manifests: dict[str, StoredManifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    untagged: set[str] = field(default_factory=set)


class Contents:
    """Stored repositories in front of generated ones."""

    def __init__(self, generated: Generated | None = None) -> None:
        self.generated = generated
        self.blobs: dict[str, bytes] = {}
        self.repositories: dict[str, StoredRepository] = {}

    def names(self) -> list[str]:
        generated = self.generated.names() if self.generated else []
        return sorted({*generated, *self.repositories})

    def tags(self, repository: str) -> list[str] | None:
        """All tags, or None if there is no such repository."""
        stored = self.repositories.get(repository)
        generated = self.generated is not None and self.generated.has(repository)
        below = self.generated.tag_names if self.generated is not None and generated else ()
        if stored is None:
            return list(below) if generated else None
        if not below:
            return list(stored.tags)
        return [*(tag for tag in below if tag not in stored.untagged and tag not in stored.tags), *stored.tags]

    def manifest(self, repository: str, reference: str) -> StoredManifest | None:
        """The manifest behind a tag or a digest."""
        stored = self.repositories.get(repository)
        if stored is not None:
            digest = reference if is_digest(reference) else stored.tags.get(reference, "")
            if digest in stored.manifests:
                return stored.manifests[digest]
            if reference in stored.untagged:
                return None
        return self.generated.manifest(repository, reference) if self.generated else None

    def blob(self, repository: str, digest: str) -> bytes | None:
        stored = self.repositories.get(repository)
        return self.blobs[digest] if stored is not None and digest in stored.blobs else None

    def put_blob(self, repository: str, body: bytes) -> str:
        digest = digest_of(body)
        self.blobs[digest] = body
        self._own(repository).blobs.add(digest)
        return digest

    def put_manifest(self, repository: str, manifest: StoredManifest) -> None:
        self._own(repository).manifests[manifest.digest] = manifest

    def link(self, repository: str, tag: str, digest: str) -> None:
        self._own(repository).tags[tag] = digest

    def unlink(self, repository: str, tag: str) -> bool:
        """Remove a tag. False if there is none."""
        if tag not in (self.tags(repository) or ()):
            return False
        stored = self._own(repository)
        stored.tags.pop(tag, None)
        stored.untagged.add(tag)
        return True

    def delete_manifest(self, repository: str, digest: str) -> list[str] | None:
        """Remove a manifest and its tags. Returns these tags, or None if there is no such manifest."""
        stored = self.repositories.get(repository)
        if stored is None or stored.manifests.pop(digest, None) is None:
            return None
        tags = [tag for tag, linked in stored.tags.items() if linked == digest]
        for tag in tags:
            self.unlink(repository, tag)
        return tags

    def delete_blob(self, repository: str, digest: str) -> bool:
        stored = self.repositories.get(repository)
        if stored is None or digest not in stored.blobs:
            return False
        stored.blobs.remove(digest)
        return True

    def _own(self, repository: str) -> StoredRepository:
        return self.repositories.setdefault(repository, StoredRepository())
