"""The ledgers that tests read: the requests received, and the digest of each tag over time. It decides nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TagChange:
    """From `at` (Unix seconds) on the tag had this `digest`. None: it was deleted."""

    at: float
    digest: str | None


class Requests:
    """The number of requests by (method, path), without the query. Requests that met a fault count too."""

    def __init__(self) -> None:
        self._all: Counter[tuple[str, str]] = Counter()
        self._conditional: Counter[tuple[str, str]] = Counter()

    def record(self, method: str, path: str, *, conditional: bool) -> None:
        self._all[method, path] += 1
        if conditional:
            self._conditional[method, path] += 1

    def count(self, method: str, path: str) -> int:
        return self._all[method, path]

    def conditional(self, method: str, path: str) -> int:
        """The number of these requests that had `If-None-Match`."""
        return self._conditional[method, path]

    def total(self) -> int:
        return self._all.total()

    def rows(self) -> list[dict[str, object]]:
        return [
            {"method": method, "path": path, "count": count, "conditional": self._conditional[method, path]}
            for (method, path), count in sorted(self._all.items())
        ]

    def reset(self) -> None:
        self._all.clear()
        self._conditional.clear()


class RegistryHistory:
    """The digests of each (repository, tag) with their times. Append-only."""

    def __init__(self) -> None:
        self._changes: defaultdict[tuple[str, str], list[TagChange]] = defaultdict(list)

    def record(self, repository: str, tag: str, change: TagChange) -> None:
        self._changes[repository, tag].append(change)

    def of(self, repository: str, tag: str) -> list[TagChange]:
        return list(self._changes.get((repository, tag), ()))

    def items(self) -> list[tuple[tuple[str, str], list[TagChange]]]:
        return list(self._changes.items())
