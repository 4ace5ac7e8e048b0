"""Replays a recording of a real agent on the simulator, and lists the differences of the replies.

Ids and indexes of the recording are mapped to the simulator's as they become known. A read is repeated while simulated
time passes, because the simulator reaches the recorded moment of a deployment at another time.
"""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from starlette.testclient import TestClient

from app.simulators.nomad import Fate, Timing, create_simulator_app
from tests.contract.simulator.beginnings import begin, secret_for
from tests.contract.simulator.recording import Exchange, Scenario, in_order

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HEADERS = {"content-type", "x-nomad-index", "x-nomad-knownleader", "x-nomad-nexttoken"}
IN_THE_MIDDLE = {"promote-too-early", "pause", "resume", "fail", "register-4-supersedes", "stop-job"}
STEP_SECONDS, STEPS = 0.1, 60
SHORT_WAIT = 0.3
IDS = ("ID", "EvalID", "BlockedEval", "DeploymentID", "DispatchedJobID")
TIMING = Timing(evaluation=0.05, start=0.3, healthy=1.0, watch=0.25, run=2.0)

Compare = Callable[[Any, Any, str], list[str]]


class Replay:
    """One simulator. Its verdicts make the images behave as in the recordings."""

    def __init__(self, scenario: Scenario, compare: Compare) -> None:
        beginning = begin(scenario, TIMING)
        self.simulator, self._secrets, self._indexes = beginning.simulator, beginning.secrets, beginning.indexes
        self.simulator.judge("team/app:nope", Fate.PULL_FAILS)
        self.simulator.judge("team/app:bad", Fate.EXITS_NONZERO, "boom-bad\n")
        self.simulator.judge("team/app:greedy", Fate.OOM_KILLED)
        self.simulator.judge("team/app:deaf", Fate.CHECK_FAILS)
        self._client = TestClient(create_simulator_app(self.simulator))
        self._compare_bodies = compare
        self._known: dict[str, str] = {}

    def play(self, exchange: Exchange) -> list[str]:
        """The differences between the recorded reply and the simulator's; empty if there are none."""
        request = exchange["request"]
        if request["method"] != "GET":
            self._wait_for(exchange["step"])
            self._meet_newest(request["path"])
            return self._compare(exchange)
        nearest: list[str] | None = None
        waits = "wait" in request["query"]
        for _ in range(1 if waits else STEPS):
            self._meet(exchange)
            found = self._compare(exchange)
            if nearest is None or len(found) < len(nearest):
                nearest = found
            if not found:
                break
            self.simulator.skip(STEP_SECONDS)
        return nearest or []

    def _wait_for(self, step: str) -> None:
        """Let the cluster come to rest before a write, except for writes recorded during a deployment."""
        self.simulator.skip(0.1 if step in IN_THE_MIDDLE else 10)

    def _compare(self, exchange: Exchange) -> list[str]:
        recorded = exchange["response"]
        waited_out = self.simulator.world.waited_out
        reply = self._send(exchange)
        if reply.status_code != recorded["status"]:
            return [f"status {reply.status_code} {reply.text!r}, recorded {recorded['status']} {recorded['body']!r}"]
        missing = HEADERS & recorded["headers"].keys() - reply.headers.keys()
        found = [f"header {name} is missing" for name in sorted(missing)]
        found += self._patience(exchange, waits=self.simulator.world.waited_out > waited_out)
        self._learn_index(recorded["headers"].get("x-nomad-index"), reply.headers.get("x-nomad-index"))
        if isinstance(recorded["body"], str) and "json" not in recorded["headers"].get("content-type", ""):
            expected = re.sub(r"\b[1-9]\d*\b", lambda found: str(self._index(int(found[0]))), recorded["body"])
            return found + ([] if reply.text == expected else [f"text {reply.text!r}, recorded {expected!r}"])
        body = reply.json()
        self._learn(recorded["body"], body)
        return found + self._compare_bodies(recorded["body"], body, "")

    def _patience(self, exchange: Exchange, *, waits: bool) -> list[str]:
        """Where a blocking query of the agent ended by its wait time, the simulator's must, too."""
        wait = re.fullmatch(r"(\d+)s", exchange["request"]["query"].get("wait", ""))
        if wait is None or exchange["response"]["status"] == 400:
            return []
        waited = exchange["response"]["seconds"] >= int(wait[1])
        return [] if waited == waits else [f"waited its time out: {waits}; recorded: {waited}"]

    def _meet(self, exchange: Exchange) -> None:
        """Pair a deployment that the recording reads by an id from a reply that was left out."""
        path, body = exchange["request"]["path"], exchange["response"]["body"]
        if not path.startswith("/v1/deployment/") or not isinstance(body, dict) or body["ID"] in self._known:
            return
        for row in self.simulator.world.deployments.values():
            if (row.job_id, row.job_version) == (body["JobID"], body["JobVersion"]):
                self._known[body["ID"]] = row.id

    def _meet_newest(self, path: str) -> None:
        found = UUID.search(path)
        if found is None or found[0] in self._known or not path.startswith("/v1/deployment/"):
            return
        if rows := list(self.simulator.world.deployments.values()):
            self._known[found[0]] = rows[-1].id

    def _send(self, exchange: Exchange) -> Any:
        request = exchange["request"]
        body = request.get("raw", request.get("body"))
        if isinstance(body, dict):
            body = json.loads(self._mapped(json.dumps(body)))
            if body.get("EnforceIndex"):
                body["JobModifyIndex"] = self._index(body["JobModifyIndex"])
        content = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
        query = dict(request["query"])
        if str(query.get("index", "")).isdigit():
            query["index"] = self._index(int(query["index"]))
        if re.fullmatch(r"\d+s", query.get("wait", "")):
            query["wait"] = f"{SHORT_WAIT * 1000:.0f}ms"
        secret = secret_for(exchange, self._secrets, self.simulator)
        headers = {"X-Nomad-Token": secret} if secret else {}
        path = self._mapped(request["path"])
        return self._client.request(request["method"], path, params=query, content=content, headers=headers)

    def _mapped(self, text: str) -> str:
        for recorded, ours in self._known.items():
            text = text.replace(recorded, ours).replace(quote(recorded, safe=""), quote(ours, safe=""))
        return text

    def _index(self, recorded: int) -> int:
        return self._indexes.get(recorded, recorded)

    def _learn_index(self, recorded: str | None, ours: str | None) -> None:
        if recorded and ours and int(recorded):
            self._indexes.setdefault(int(recorded), int(ours))

    def _learn(self, recorded: Any, ours: Any) -> None:
        """Pair ids and indexes at the same place. Rows of lists are paired by version and name."""
        if isinstance(recorded, dict) and isinstance(ours, dict):
            for key in recorded.keys() & ours.keys():
                self._learn_value(key, recorded[key], ours[key])
        elif isinstance(recorded, list) and isinstance(ours, list):
            for one, other in zip(in_order(recorded), in_order(ours), strict=False):
                self._learn(one, other)

    def _learn_value(self, key: str, recorded: Any, ours: Any) -> None:
        if key == "JobModifyIndex":
            self._indexes[recorded] = ours
        elif key == "ModifyIndex":
            self._indexes.setdefault(recorded, ours)
        elif key in IDS and isinstance(recorded, str) and recorded:
            if UUID.fullmatch(recorded) or "/" in recorded:
                self._known[recorded] = ours
        else:
            self._learn(recorded, ours)
