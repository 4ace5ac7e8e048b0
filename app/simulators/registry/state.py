"""Keeps a registry's contents in a directory, so that the demo's images survive a restart.

Bodies are files named by digest; they never change. `index.json` lists the bodies, tags and history of each repository;
each change replaces the whole file. This suits a few images, not the load of a real registry.
"""

from __future__ import annotations

import json
from pathlib import Path

from .contents import Contents, StoredRepository
from .images import StoredManifest
from .ledger import RegistryHistory, TagChange


class StateDirectory:
    def __init__(self, root: Path) -> None:
        self._bodies = root / "blobs"
        self._index = root / "index.json"
        self._bodies.mkdir(parents=True, exist_ok=True)

    def load(self, contents: Contents, history: RegistryHistory) -> None:
        """Fill empty contents from the directory. Without saved state they stay empty."""
        if not self._index.exists():
            return
        index = json.loads(self._index.read_bytes())
        for name, saved in index["repositories"].items():
            contents.repositories[name] = self._repository(saved)
            contents.blobs.update({digest: self._body(digest) for digest in saved["blobs"]})
        for name, tag, at, digest in index["history"]:
            history.record(name, tag, TagChange(at=at, digest=digest))

    def save_blob(self, digest: str, body: bytes) -> None:
        path = self._path(digest)
        if not path.exists():
            _replace(path, body)

    def save(self, contents: Contents, history: RegistryHistory) -> None:
        index = {
            "repositories": {name: _saved(repository) for name, repository in contents.repositories.items()},
            "history": [
                (name, tag, change.at, change.digest) for (name, tag), rows in history.items() for change in rows
            ],
        }
        _replace(self._index, json.dumps(index).encode())

    def _repository(self, saved: dict[str, dict[str, str]]) -> StoredRepository:
        return StoredRepository(
            blobs=set(saved["blobs"]),
            manifests={
                digest: StoredManifest(media_type=media_type, body=self._body(digest), digest=digest)
                for digest, media_type in saved["manifests"].items()
            },
            tags=dict(saved["tags"]),
            untagged=set(saved["untagged"]),
        )

    def _body(self, digest: str) -> bytes:
        return self._path(digest).read_bytes()

    def _path(self, digest: str) -> Path:
        return self._bodies / digest.replace(":", "-")


def _saved(repository: StoredRepository) -> dict[str, object]:
    return {
        "blobs": sorted(repository.blobs),
        "manifests": {digest: manifest.media_type for digest, manifest in repository.manifests.items()},
        "tags": repository.tags,
        "untagged": sorted(repository.untagged),
    }


def _replace(path: Path, body: bytes) -> None:
    # After a crash a reader finds the old file or the new one, never a partial one.
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(body)
    part.replace(path)
