"""Many repositories with many tags that are computed from their names and not stored.

For load tests: 10 000 × 1 000 costs one tuple of tag names. A generated manifest is found by tag, not by digest. Its
blobs do not exist, so it cannot be pulled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from .grammar import OCI_CONFIG, OCI_MANIFEST
from .images import StoredManifest, digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """`repositories` names that start at `<prefix>00000`, each with `tags` releases: v0.0.0, v0.0.1, … v0.1.0, …"""

    repositories: int
    tags: int
    prefix: str = "load/app-"
    tag_names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _tag_set: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = tuple(f"v{number // 100}.{number // 10 % 10}.{number % 10}" for number in range(self.tags))
        object.__setattr__(self, "tag_names", names)
        object.__setattr__(self, "_tag_set", frozenset(names))

    def names(self) -> list[str]:
        return [self.name(number) for number in range(self.repositories)]

    def name(self, number: int) -> str:
        return f"{self.prefix}{number:05}"

    def has(self, repository: str) -> bool:
        number = repository.removeprefix(self.prefix)
        return number.isdecimal() and int(number) < self.repositories and repository == self.name(int(number))

    def manifest(self, repository: str, tag: str) -> StoredManifest | None:
        if tag not in self._tag_set or not self.has(repository):
            return None
        config = {"mediaType": OCI_CONFIG, "digest": digest_of(f"{repository}:{tag}".encode()), "size": 2}
        body = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
        return StoredManifest.of(json.dumps(body).encode(), OCI_MANIFEST)
