"""Answers what the registry was asked and what it served when: the oracles of the tests. It decides nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """From `at` (unix time) on the tag showed `digest`; None: it was deleted."""

    at: float
    digest: str | None


class Requests:
    """How often each (method, path) was asked, the query left out; faulty answers count too."""

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
        """How many of them had `If-None-Match`."""
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
    """For each (repository, tag) which digest it showed since when; append-only."""

    def __init__(self) -> None:
        self._served: defaultdict[tuple[str, str], list[Served]] = defaultdict(list)

    def record(self, repository: str, tag: str, served: Served) -> None:
        self._served[repository, tag].append(served)

    def of(self, repository: str, tag: str) -> list[Served]:
        return list(self._served.get((repository, tag), ()))

    def items(self) -> list[tuple[tuple[str, str], list[Served]]]:
        return list(self._served.items())
