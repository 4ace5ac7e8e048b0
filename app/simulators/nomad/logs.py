"""The logs of a task, given by the verdict on its image. Frames and errors are those of the client agent.

See https://github.com/hashicorp/nomad/blob/v2.0.5/command/agent/fs_endpoint.go.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from app.simulators.nomad.call import TRUE
from app.simulators.nomad.refusal import Refused
from app.simulators.nomad.tables import Allocation
from app.simulators.nomad.timing import Fate
from app.simulators.nomad.world import World

SILENT = (Fate.PULL_FAILS, Fate.UNPLACEABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    task: str
    stream: str
    plain: bool
    from_end: bool
    offset: int

    @classmethod
    def of(cls, query: Mapping[str, str]) -> LogRequest:
        """From the query parameters. Refused 400 for invalid ones, as by the agent."""
        if not query.get("task"):
            raise Refused(400, "must provide task name")
        if query.get("type") not in ("stdout", "stderr"):
            raise Refused(400, "must provide log type (stdout/stderr)")
        offset = query.get("offset") or "0"
        if not re.fullmatch(r"-?\d+", offset):
            raise Refused(400, f'error parsing offset: strconv.ParseInt: parsing "{offset}": invalid syntax')
        if query.get("origin", "start") not in ("start", "end"):
            raise Refused(400, "origin must be start or end")
        return cls(
            task=query["task"], stream=query["type"], plain=query.get("plain") in TRUE,
            from_end=query.get("origin") == "end", offset=int(offset),
        )  # fmt: skip


def read(world: World, allocation: Allocation, request: LogRequest) -> bytes:
    """The requested bytes, plain or as one JSON frame. Refused for a task that is unknown or never started."""
    group = next(g for g in allocation.job["TaskGroups"] if g["Name"] == allocation.group)
    task = next((t for t in group["Tasks"] if t["Name"] == request.task), None)
    if task is None:
        raise Refused(400, f'unknown task name "{request.task}"')
    state = allocation.tasks.get(request.task)
    if state is None or state.started_at is None:
        raise Refused(404, f'task "{request.task}" not started yet. No logs available')
    image = str((task["Config"] or {}).get("image"))
    verdict = world.fate([image, allocation.digests.get(request.task, "")])
    has_text = verdict is not None and verdict.fate not in SILENT and request.stream == "stderr"
    everything = verdict.text.encode() if verdict is not None and has_text else b""
    start = max(len(everything) - request.offset, 0) if request.from_end and request.offset else request.offset
    chosen = everything[start:]
    if request.plain or not chosen:
        return chosen
    frame = {
        "Data": base64.b64encode(chosen).decode(),
        "File": f"alloc/logs/{request.task}.{request.stream}.0",
        "Offset": len(everything),
    }
    return orjson.dumps(frame)
