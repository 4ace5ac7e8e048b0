"""The recordings of real agents (tests/fixtures/nomad_api/<version>/<scenario>.json), and what two replies have in
common.

A new file of the same form is found and replayed by itself: then statuses, keys, types and error texts must be the
same, the values only in scenarios that are named in test_recordings.py.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "nomad_api"
CHILD = re.compile(r"/(periodic|dispatch)-\d+(-[0-9a-f]{8})?")
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PASSING = re.compile(  # values that differ between two clusters: times, indexes, ids, sizes
    r"(Index|Time|Timestamp|StartedAt|FinishedAt|RequireProgressBy|EvalID|^ID|DeploymentID|NextAllocation|PreviousAllocation"
    r"|BlockedEval|ClassEligibility|PreviousEval|^Node.*|PlacedCanaries|KillTimeout|Metrics|.*Resources|SigningKeyID|NetworkStatus|AllocatedResources|LastContact"
    r"|SecretID|AccessorID|^Hash|NomadTokenID)$"
)
SOMETIMES = frozenset(  # keys of replies that omit empty values, so they may be missing
    {"DeploymentID", "NextEval", "BlockedEval", "FailedTGAllocs", "StatusDescription", "QueuedAllocations",
     "PlanAnnotations", "SnapshotIndex", "DeploymentStatus", "TaskStates", "ClientDescription", "DesiredDescription",
     "NextAllocation", "PreviousAllocation", "PreviousEval", "Wait", "WaitUntil"}
)  # fmt: skip
BY_NAME = frozenset({"TaskGroups", "Summary", "TaskStates", "DesiredTGUpdates", "Meta", "Env", "Config", "Details",
                     "Updates", "VariableFlags", "QueuedAllocations", "ClassEligibility"})  # fmt: skip
"""Maps whose keys are names of the job, or values of one moment."""

Exchange = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scenario:
    version: str
    name: str

    @property
    def exchanges(self) -> list[Exchange]:
        loaded: list[Exchange] = json.loads((RECORDINGS / self.version / f"{self.name}.json").read_text())
        return loaded

    def __str__(self) -> str:
        return f"{self.version}/{self.name}"


def scenarios() -> list[Scenario]:
    """All files with exchanges. A corpus of jobs has none."""
    found = sorted(RECORDINGS.glob("*/*.json"))
    return [Scenario(path.parent.name, path.stem) for path in found if isinstance(json.loads(path.read_text()), list)]


def differences(recorded: Any, ours: Any, place: str) -> list[str]:
    """Where `ours` differs from the recording, except for passing values, whose keys must be the same."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        found = [
            f"{place}.{key} only {where}"
            for key in sorted(recorded.keys() ^ ours.keys())
            if (where := "recorded" if key in recorded else "simulated") and not PASSING.search(key)
        ]
        for key in recorded.keys() & ours.keys():
            if not PASSING.search(key):
                found += differences(recorded[key], ours[key], f"{place}.{key}")
        return found
    if isinstance(recorded, list) and isinstance(ours, list):
        if len(recorded) != len(ours):
            return [f"{place} has {len(ours)} rows, recorded {len(recorded)}"]
        return _rows(recorded, ours, place, differences)
    if isinstance(recorded, str) and isinstance(ours, str):
        recorded, ours = (ID.sub("id", CHILD.sub("/child", text)) for text in (recorded, ours))
    return [] if recorded == ours else [f"{place} is {ours!r}, recorded {recorded!r}"]


def unlike(recorded: Any, ours: Any, place: str) -> list[str]:
    """Where keys or types differ. null matches any type; keys in SOMETIMES may be missing."""
    if recorded is None or ours is None:
        return []
    if isinstance(recorded, dict) and isinstance(ours, dict):
        named = place.rpartition(".")[2] in BY_NAME
        alone = recorded.keys() ^ ours.keys()
        found = [f"{place}.{key} is not on both sides" for key in sorted(alone - SOMETIMES) if not named]
        for key in recorded.keys() & ours.keys():
            found += unlike(recorded[key], ours[key], f"{place}.{key}")
        return found
    if isinstance(recorded, list) and isinstance(ours, list):
        return _rows(recorded, ours, place, unlike)
    same = type(recorded) is type(ours)
    return [] if same else [f"{place} is a {type(ours).__name__}, recorded a {type(recorded).__name__}"]


def in_order(rows: list[Any]) -> list[Any]:
    """Rows sorted by version, name and creation, since Nomad's have no order. Other values stay in order."""
    if not rows or not isinstance(rows[0], dict) or "CreateIndex" not in rows[0]:
        return rows
    return sorted(rows, key=lambda row: (row.get("JobVersion", 0), row.get("Name", ""), row["CreateIndex"]))


def _rows(recorded: list[Any], ours: list[Any], place: str, compare: Callable[[Any, Any, str], list[str]]) -> list[str]:
    pairs = zip(in_order(recorded), in_order(ours), strict=False)
    return [d for number, (one, other) in enumerate(pairs) for d in compare(one, other, f"{place}[{number}]")]
