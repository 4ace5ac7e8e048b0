"""Plays a recording of a real agent (tests/fixtures/nomad_api) against the simulator and says where the replies differ.

Ids and check-and-set indexes of the recording are mapped to the simulator's as they become known. A read is repeated
while simulated time passes, because the recording was made at some moment of a deployment that the simulator reaches at
another.
"""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.testclient import TestClient

from app.local.nomad import Fate, Simulator, Timing, create_simulator_app

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "nomad_api" / "2.0.6-dev"
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HEADERS = {"content-type", "x-nomad-index", "x-nomad-knownleader"}
IN_THE_MIDDLE = {"promote-too-early", "pause", "resume", "fail", "register-4-supersedes", "stop-job"}
CHILD = re.compile(r"/(periodic|dispatch)-\d+(-[0-9a-f]{8})?")
STEP_SECONDS, STEPS = 0.1, 60

PASSING = re.compile(  # what two clusters need not have in common: moments, indexes, ids, sizes
    r"(Index|Time|Timestamp|StartedAt|FinishedAt|RequireProgressBy|EvalID|^ID|DeploymentID|NextAllocation|PreviousAllocation"
    r"|^Node.*|PlacedCanaries|KillTimeout|Metrics|.*Resources|SigningKeyID|NetworkStatus|AllocatedResources|LastContact|Diffs)$"
)


class Replay:
    """One simulator with the images of the recordings judged as they behaved."""

    def __init__(self) -> None:
        self.simulator = Simulator(timing=Timing(evaluation=0.05, start=0.3, healthy=1.0, watch=0.25, run=2.0))
        self.simulator.judge("team/app:nope", Fate.PULL_FAILS)
        self.simulator.judge("team/app:bad", Fate.EXITS_NONZERO, "boom-bad\n")
        self._client = TestClient(create_simulator_app(self.simulator))
        self._known: dict[str, str] = {}
        self._indexes: dict[int, int] = {}

    def play(self, exchange: dict[str, Any]) -> list[str]:
        """The differences between the recorded reply and the simulator's, none when it is as good as Nomad's."""
        request, recorded = exchange["request"], exchange["response"]
        if request["method"] != "GET":
            self._wait_for(exchange["step"])
            self._meet_newest(request["path"])
            return self._compare(request, recorded)
        nearest: list[str] | None = None
        for _ in range(STEPS):
            self._meet(request["path"], recorded["body"])
            found = self._compare(request, recorded)
            if nearest is None or len(found) < len(nearest):
                nearest = found
            if not found:
                break
            self.simulator.skip(STEP_SECONDS)
        return nearest or []

    def _wait_for(self, step: str) -> None:
        """Writes came when the cluster was at rest, but for those that were meant to meet a deployment under way."""
        self.simulator.skip(0.1 if step in IN_THE_MIDDLE else 10)

    def _compare(self, request: dict[str, Any], recorded: dict[str, Any]) -> list[str]:
        reply = self._send(request)
        if reply.status_code != recorded["status"]:
            return [f"status {reply.status_code} {reply.text!r}, recorded {recorded['status']} {recorded['body']!r}"]
        missing = HEADERS & recorded["headers"].keys() - reply.headers.keys()
        if isinstance(recorded["body"], str) and "json" not in recorded["headers"].get("content-type", ""):
            expected = re.sub(r"\d+", lambda found: str(self._index(int(found[0]))), recorded["body"])
            found = [] if reply.text == expected else [f"text {reply.text!r}, recorded {expected!r}"]
        else:
            body = reply.json()
            self._learn(recorded["body"], body)
            found = list(differences(recorded["body"], body, ""))
        return [*(f"header {name} is missing" for name in sorted(missing)), *found]

    def _meet(self, path: str, body: Any) -> None:
        """Pair a deployment that the recording reads by an id it got from somewhere that was left out."""
        if not path.startswith("/v1/deployment/") or not isinstance(body, dict) or body["ID"] in self._known:
            return
        for row in self._client.get(f"/v1/job/{quote(body['JobID'], safe='')}/deployments").json():
            if row["JobVersion"] == body["JobVersion"]:
                self._known[body["ID"]] = row["ID"]

    def _meet_newest(self, path: str) -> None:
        found = UUID.search(path)
        if found is None or found[0] in self._known or not path.startswith("/v1/deployment/"):
            return
        if rows := self._client.get("/v1/deployments").json():
            self._known[found[0]] = max(rows, key=lambda row: row["CreateIndex"])["ID"]

    def _send(self, request: dict[str, Any]) -> Any:
        body = request.get("raw", request.get("body"))
        if isinstance(body, dict):
            body = json.loads(self._mapped(json.dumps(body)))
            if body.get("EnforceIndex"):
                body["JobModifyIndex"] = self._index(body["JobModifyIndex"])
        content = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
        path = self._mapped(request["path"])
        return self._client.request(request["method"], path, params=request["query"], content=content)

    def _mapped(self, text: str) -> str:
        for recorded, ours in self._known.items():
            text = text.replace(recorded, ours).replace(quote(recorded, safe=""), quote(ours, safe=""))
        return text

    def _index(self, recorded: int) -> int:
        return self._indexes.get(recorded, recorded)

    def _learn(self, recorded: Any, ours: Any) -> None:
        """Pair ids and indexes that stand in the same place; rows of lists are paired by version and name."""
        if isinstance(recorded, dict) and isinstance(ours, dict):
            for key in recorded.keys() & ours.keys():
                self._learn_value(key, recorded[key], ours[key])
        elif isinstance(recorded, list) and isinstance(ours, list):
            for one, other in zip(in_order(recorded), in_order(ours), strict=False):
                self._learn(one, other)

    def _learn_value(self, key: str, recorded: Any, ours: Any) -> None:
        if key == "JobModifyIndex":
            self._indexes[recorded] = ours
        elif key in ("ID", "EvalID", "DeploymentID", "DispatchedJobID") and isinstance(recorded, str) and recorded:
            if UUID.fullmatch(recorded) or "/" in recorded:
                self._known[recorded] = ours
        else:
            self._learn(recorded, ours)


def differences(recorded: Any, ours: Any, place: str) -> list[str]:
    """Where `ours` is not what was recorded, passing values aside; keys must be the same even there."""
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
        pairs = zip(in_order(recorded), in_order(ours), strict=True)
        return [d for number, (one, other) in enumerate(pairs) for d in differences(one, other, f"{place}[{number}]")]
    if isinstance(recorded, str) and isinstance(ours, str):
        recorded, ours = CHILD.sub("/child", recorded), CHILD.sub("/child", ours)
    return [] if recorded == ours else [f"{place} is {ours!r}, recorded {recorded!r}"]


def in_order(rows: list[Any]) -> list[Any]:
    """Nomad gives rows in no order: by version, name, then creation; values stay as they come."""
    if not rows or not isinstance(rows[0], dict) or "CreateIndex" not in rows[0]:
        return rows
    return sorted(rows, key=lambda row: (row.get("JobVersion", 0), row.get("Name", ""), row["CreateIndex"]))


def recording(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((RECORDINGS / f"{name}.json").read_text())
    return loaded
