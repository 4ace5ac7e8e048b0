"""A RegistrySource in memory: the test sets tags and outages."""

from dataclasses import dataclass, field
from hashlib import sha256

from app.domain.reference import Repository
from app.errors import RepositoryNotFound, TagNotFound
from app.ports import Manifest


def digest_of(content: str) -> str:
    """A real digest for a name that the test chooses."""
    return f"sha256:{sha256(content.encode()).hexdigest()}"


@dataclass(slots=True)
class MemoryRegistry:
    """`images` maps a repository's path to its tags and their digests; `outage` is raised by every request,
    one of `outages` by those for the path.

    `unlinked` are tags that are listed and have no manifest; `asked` counts the requests.
    """

    images: dict[str, dict[str, str]] = field(default_factory=dict)
    outage: Exception | None = None
    outages: dict[str, Exception] = field(default_factory=dict)
    unlinked: set[str] = field(default_factory=set)
    asked: int = 0

    def push(self, path: str, tag: str, content: str = "") -> str:
        """Set a tag; returns its digest."""
        digest = digest_of(content or tag)
        self.images.setdefault(path, {})[tag] = digest
        return digest

    async def tags(self, registry: str, repository: Repository) -> tuple[str, ...]:
        return tuple(self._tags(repository))

    async def manifest(
        self, registry: str, repository: Repository, reference: str, *, known: str | None = None
    ) -> Manifest:
        tags = self._tags(repository)
        digest = reference if reference in tags.values() else tags.get(reference)
        if digest is None or reference in self.unlinked:
            raise TagNotFound(f"no tag {reference}")
        return Manifest(digest=digest, media_type="application/vnd.oci.image.manifest.v1+json", is_index=False)

    async def children(self, registry: str, repository: Repository, digest: str) -> frozenset[str]:
        return frozenset()

    def _tags(self, repository: Repository) -> dict[str, str]:
        self.asked += 1
        if outage := self.outage or self.outages.get(repository.path):
            raise outage
        if repository.path not in self.images:
            raise RepositoryNotFound(f"no repository {repository}")
        return self.images[repository.path]
