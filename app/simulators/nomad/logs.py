"""Answers: what did a task write? The verdict on its image says it; frames and errors are those of the client agent.

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
        """From the query parameters; Refused 400 as the agent refuses them."""
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


def read(world: World, allocation: Allocation, asked: LogRequest) -> bytes:
    """The bytes asked for, plain or as one frame of JSON; Refused for a task that is unknown or never started."""
    group = next(g for g in allocation.job["TaskGroups"] if g["Name"] == allocation.group)
    task = next((t for t in group["Tasks"] if t["Name"] == asked.task), None)
    if task is None:
        raise Refused(400, f'unknown task name "{asked.task}"')
    state = allocation.tasks.get(asked.task)
    if state is None or state.started_at is None:
        raise Refused(404, f'task "{asked.task}" not started yet. No logs available')
    image = str((task["Config"] or {}).get("image"))
    verdict = world.fate([image, allocation.digests.get(asked.task, "")])
    commanded = verdict is not None and verdict.fate not in SILENT and asked.stream == "stderr"
    everything = verdict.text.encode() if verdict is not None and commanded else b""
    start = max(len(everything) - asked.offset, 0) if asked.from_end and asked.offset else asked.offset
    chosen = everything[start:]
    if asked.plain or not chosen:
        return chosen
    frame = {
        "Data": base64.b64encode(chosen).decode(),
        "File": f"alloc/logs/{asked.task}.{asked.stream}.0",
        "Offset": len(everything),
    }
    return orjson.dumps(frame)
