"""Hand-made images that do one thing each, published in a registry on this machine's loopback.

docker pulls from 127.0.0.0/8 without TLS, so a Nomad agent on this machine can run them; each is an index for the two
common architectures. Two tags of one behaviour differ only by a label, and so in their digests.
https://github.com/opencontainers/image-spec/blob/v1.1.0/config.md
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from app.simulators.registry import LocalRegistry
from app.simulators.registry.grammar import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST
from app.simulators.registry.images import StoredManifest, digest_of
from tests.servers.elf import Call, Machine, fill, leave, program, say, sleep, until_told
from tests.servers.local_registry import local_registry

LAST_WORDS = "contract: the database has no such table"
TAGS = ("v1", "v2", "v3")


class Behaviour(StrEnum):
    """What an image does when it runs; `absent` has no tag."""

    STEADY = "steady"
    """Runs until it is told to end, and then ends at once."""
    DEAF = "deaf"
    """Runs as long, and answers no connection: for jobs with a health check."""
    CRASHES = "crashes"
    """Writes LAST_WORDS to stderr and exits with 3, a moment later: Nomad loses what is written in the last one."""
    FINISHES = "finishes"
    """Exits with 0."""
    UNSTEADY = "unsteady"
    """Runs for a fifth of a second and exits with 1."""
    GREEDY = "greedy"
    """Takes more memory than it may have, and is killed for it."""
    ABSENT = "absent"


_PROGRAMS: dict[Behaviour, tuple[Call, ...]] = {
    Behaviour.STEADY: (*until_told(), leave(0)),
    Behaviour.DEAF: (*until_told(), leave(0)),
    Behaviour.CRASHES: (say("contract: starting"), say(LAST_WORDS), sleep(0.5), leave(3)),
    Behaviour.FINISHES: (leave(0),),
    Behaviour.GREEDY: (fill(256), leave(0)),
    Behaviour.UNSTEADY: (sleep(0.2), leave(1)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyImages:
    """A registry with the images. Write `image(…)` into a job."""

    host: str
    registry: LocalRegistry

    def image(self, behaviour: Behaviour, tag: str = "v1") -> str:
        """`host:port/contract/behaviour:tag`."""
        return f"{self.host}/contract/{behaviour}:{tag}"

    def digest(self, behaviour: Behaviour, tag: str = "v1") -> str:
        """The digest that the registry serves for that tag."""
        manifest = self.registry.contents.manifest(f"contract/{behaviour}", tag)
        assert manifest is not None
        return manifest.digest


@contextmanager
def tiny_images() -> Iterator[TinyImages]:
    """Serve every behaviour under every tag."""
    with local_registry() as (registry, url):
        for behaviour, calls in _PROGRAMS.items():
            for tag in TAGS:
                publish(registry, f"contract/{behaviour}", tag, calls=calls)
        yield TinyImages(host=url.partition("://")[2], registry=registry)


def publish(registry: LocalRegistry, repository: str, tag: str, *, calls: tuple[Call, ...]) -> str:
    """Store an image whose only file is the program of `calls`; the digest of its index."""
    platforms = [(machine, _image(machine, tag, program(machine, calls))) for machine in Machine]
    entries = [
        {**_descriptor(built.body, OCI_MANIFEST), "platform": {"os": "linux", "architecture": machine}}
        for machine, (built, _) in platforms
    ]
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    index = StoredManifest.of(body, OCI_INDEX)
    for _, (manifest, blobs) in platforms:
        for blob in blobs:
            registry.contents.put_blob(repository, blob)
        registry.contents.put_manifest(repository, manifest)
    registry.contents.put_manifest(repository, index)
    registry.link(repository, tag, index.digest)
    return index.digest


def _image(machine: Machine, tag: str, executable: bytes) -> tuple[StoredManifest, tuple[bytes, bytes]]:
    """The manifest for one machine, and its two blobs."""
    archive = _archive("run", executable)
    layer = gzip.compress(archive, mtime=0)
    config = json.dumps(
        {
            "os": "linux",
            "architecture": machine,
            "config": {"Entrypoint": ["/run"], "Labels": {"tag": tag}},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(archive)]},
            "history": [{"created_by": "registrywatcher's contract suite"}],
        }
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _descriptor(config, OCI_CONFIG),
        "layers": [_descriptor(layer, OCI_LAYER)],
    }
    return StoredManifest.of(json.dumps(manifest).encode(), OCI_MANIFEST), (config, layer)


def _archive(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), 0o755
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _descriptor(body: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(body), "size": len(body)}
