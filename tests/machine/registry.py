"""The registry of the machine, and its ledger: what each tag showed, from when on."""

from dataclasses import dataclass, field

from tests.fakes.registry import MemoryRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """From `tick` on, the tag of the repository at `path` has this digest; "" after it was deleted."""

    tick: int
    path: str
    tag: str
    digest: str


@dataclass(slots=True)
class LedgerRegistry(MemoryRegistry):
    """A registry in memory that keeps every push and deletion."""

    shown: list[Shown] = field(default_factory=list)

    def put(self, path: str, tag: str, content: str, *, tick: int) -> str:
        """Push `content`; returns its digest."""
        digest = self.push(path, tag, content)
        self.shown.append(Shown(tick=tick, path=path, tag=tag, digest=digest))
        return digest

    def delete(self, path: str, tag: str, *, tick: int) -> None:
        """Delete the tag, if it is there."""
        if self.images[path].pop(tag, ""):
            self.shown.append(Shown(tick=tick, path=path, tag=tag, digest=""))

    def has_shown(self, path: str, tag: str, digest: str) -> bool:
        """Whether the tag ever had this digest."""
        return any((each.path, each.tag, each.digest) == (path, tag, digest) for each in self.shown)

    def first_shown(self, path: str, digest: str) -> int:
        """The tick of the first push of this digest to the repository."""
        return min(each.tick for each in self.shown if (each.path, each.digest) == (path, digest))
