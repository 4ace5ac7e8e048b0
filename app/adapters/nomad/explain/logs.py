"""Reads the last lines that failed tasks wrote to stderr, if the token may (read-logs). Blocking calls.

A log that cannot be read is left out, and no log may delay a diagnosis for long.
https://developer.hashicorp.com/nomad/api-docs/client#stream-logs
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.adapters.nomad.explain.allocations import is_failing, is_unhealthy
from app.adapters.nomad.http.client import NomadClient
from app.domain.deployment import LogTail
from app.domain.watch import JobPlace
from app.errors import NomadDenied, RegistryWatcherError

_TASKS = 3
_BYTES = 2000
_LINES = 20
_SECONDS = 3.0
# Whole escape sequences first, because the rest of a sequence is not text.
_CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]")


def tails(
    client: NomadClient, place: JobPlace, allocations: Sequence[Mapping[str, Any]]
) -> tuple[tuple[LogTail, ...], bool]:
    """The last lines of failed tasks, from the newest allocation of each; True if the token may not read logs."""
    found = []
    for allocation_id, group, task in list(_failed_tasks(allocations))[:_TASKS]:
        try:
            text = client.get(
                place, "client", "fs", "logs", allocation_id, shape=str, timeout=_SECONDS,
                task=task, type="stderr", plain="true", origin="end", offset=str(_BYTES),
            )  # fmt: skip
        except NomadDenied:
            return (), True
        except RegistryWatcherError:
            continue
        if tail := cleaned(text or ""):
            found.append(LogTail(task=f"{group}/{task}", allocation_id=allocation_id, text=tail))
    return tuple(found), False


def cleaned(text: str) -> str:
    """The last lines without control characters. A first line that may be incomplete is left out."""
    lines = text.splitlines()
    if len(text.encode()) >= _BYTES and len(lines) > 1:
        lines = lines[1:]
    shown = [_CONTROLS.sub("", line).rstrip()[:_BYTES] for line in lines[-_LINES:]]
    return "\n".join(shown).strip("\n")


def _failed_tasks(allocations: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Allocation, group and task of each failed task that had started, the newest first, each task once."""
    known = set()
    for allocation in sorted(allocations, key=lambda each: each.get("CreateIndex") or 0, reverse=True):
        if not is_failing(allocation):
            continue
        group = allocation.get("TaskGroup") or ""
        for task, state in sorted((allocation.get("TaskStates") or {}).items()):
            has_failed = state.get("Failed") or state.get("Restarts") or is_unhealthy(allocation)
            if has_failed and _has_started(state) and (group, task) not in known:
                known.add((group, task))
                yield allocation["ID"], group, task


def _has_started(state: Mapping[str, Any]) -> bool:
    return any(event.get("Type") == "Started" for event in state.get("Events") or ()) or bool(state.get("Restarts"))
