"""A Nomad with the data of a recording: it answers reads as of any index in the recording.

No state is written by hand: each recorded reply with an object gives its state as of the object's ModifyIndex. So
recordings that are added later are replayed as well.
"""

import json
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

Message = MutableMapping[str, Any]
Exchange = dict[str, Any]
Row = dict[str, Any]
Where = tuple[str, str]

_LISTS = ("evaluations", "deployments", "allocations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """One accepted registration of a recording, and the job before it."""

    at: int
    step: str
    namespace: str
    job_id: str
    reply: Row
    before: Row


def recorded(path: Path) -> list[Exchange]:
    """The exchanges of a file, in order. Empty for a file of another form."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return found if isinstance(found, list) else []


@dataclass(slots=True)
class States:
    """The states of one object, each with its first index. None: the object did not exist."""

    rows: dict[int, Row | None] = field(default_factory=dict)

    def as_of(self, index: int) -> Row | None:
        known = [each for each in self.rows if each <= index]
        return self.rows[max(known)] if known else None


class Story:
    """All jobs, versions, evaluations, deployments and allocations of a recording."""

    def __init__(self, exchanges: list[Exchange]) -> None:
        self.registered: list[Registered] = []
        self._jobs: dict[Where, States] = {}
        self._versions: dict[Where, dict[int, States]] = {}
        self._rows: dict[str, dict[str, States]] = {kind: {} for kind in _LISTS}
        for at, exchange in enumerate(exchanges):
            self._learn(at, exchange)

    @property
    def indexes(self) -> list[int]:
        """Every index with a known change."""
        states = [*self._jobs.values(), *(each for rows in self._rows.values() for each in rows.values())]
        states += [each for versions in self._versions.values() for each in versions.values()]
        return sorted({index for each in states for index in each.rows})

    def job(self, where: Where, index: int) -> Row | None:
        return self._jobs.get(where, States()).as_of(index)

    def versions(self, where: Where, index: int) -> list[Row]:
        """Newest first. Empty without the job."""
        if self.job(where, index) is None:
            return []
        found = [each.as_of(index) for _, each in sorted(self._versions[where].items(), reverse=True)]
        return [each for each in found if each is not None]

    def rows(self, kind: str, where: Where, index: int) -> list[Row]:
        """The rows of a kind that belong to the job."""
        found = (each.as_of(index) for each in self._rows[kind].values())
        return [each for each in found if each and (each.get("Namespace", where[0]), each["JobID"]) == where]

    def row(self, kind: str, identity: str, index: int) -> Row | None:
        return self._rows[kind].get(identity, States()).as_of(index)

    def _learn(self, at: int, exchange: Exchange) -> None:
        request, answer = exchange["request"], exchange["response"]
        _, _, *segments = [unquote(each) for each in request["path"].split("/")]
        body, where = answer["body"], (_namespace(exchange), segments[1] if len(segments) > 1 else "")
        if answer["status"] != 200 or not isinstance(answer["body"], dict | list):
            return
        if request["method"] == "GET":
            self._read(where[0], body)
        elif (job := _posted(exchange)) is not None:
            where = (where[0], job["ID"])
            before = self.job(where, 10**12) or {"JobModifyIndex": 0, "ModifyIndex": 0}
            found = Registered(
                at=at, step=exchange["step"], namespace=where[0], job_id=where[1], reply=body, before=before
            )
            self.registered.append(found)
            self._changed(where, job, body)
        elif request["method"] == "DELETE" and segments[0] == "job":
            purged = str((request.get("query") or {}).get("purge", "")).lower() in ("true", "1")
            self._deleted(where, body, purged=purged)
        elif segments[0] == "job" and segments[-1] in ("revert", "scale") and where in self._jobs:
            self._changed(where, self.job(where, 10**12) or {}, body)

    def _read(self, namespace: str, body: Any) -> None:
        if isinstance(body, dict) and isinstance(body.get("Versions"), list):
            for job in body["Versions"]:
                self._version((namespace, job["ID"]), job)
        for row in body if isinstance(body, list) else [body]:
            if not isinstance(row, dict) or "ID" not in row:
                continue
            if "TaskGroups" in row and "JobModifyIndex" in row and "JobSpecModifyIndex" not in row:
                where = (namespace, row["ID"])
                self._version(where, row)
                states = self._jobs.setdefault(where, States()).rows
                states[row["ModifyIndex"]] = row
                # Nomad's own registration is valid from that index.
                states.setdefault(row["JobModifyIndex"], row)
            elif (kind := _kind(row)) is not None:
                self._rows[kind].setdefault(row["ID"], States()).rows[row["ModifyIndex"]] = _with_version(row)

    def _changed(self, where: Where, job: Row, reply: Row) -> None:
        """A reply to a registration: the posted job is valid from its index, unless the specification was the same."""
        before, index = self.job(where, 10**12), reply.get("JobModifyIndex") or 0
        if index != (reply.get("Index") or 0) or (before is not None and index <= before["JobModifyIndex"]):
            return
        stop = bool(job.get("Stop"))
        stored = {
            **job,
            "JobModifyIndex": index,
            "ModifyIndex": index,
            "Version": 0 if before is None else before["Version"] + 1,
            "Stable": False,
            "Stop": stop,
            "Status": "dead" if stop else "pending",
        }
        self._version(where, stored)
        self._jobs.setdefault(where, States()).rows[index] = stored

    def _version(self, where: Where, job: Row) -> None:
        self._versions.setdefault(where, {}).setdefault(job["JobModifyIndex"], States()).rows[job["ModifyIndex"]] = job

    def _deleted(self, where: Where, reply: Row, *, purged: bool) -> None:
        job, index = self.job(where, 10**12), reply.get("JobModifyIndex") or reply.get("Index") or 0
        if job is not None and index:
            self._jobs[where].rows[index] = None if purged else {**job, "Stop": True, "Status": "dead"}


class RecordedAgent:
    """An ASGI application that answers a deployer's reads as of one index of a recording."""

    def __init__(self) -> None:
        self.story = Story([])
        self.index = 0

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        query = scope["query_string"].decode().split("&")
        namespace = next((unquote(each[10:]) for each in query if each.startswith("namespace=")), "default")
        _, _, kind, identity, *rest = [unquote(each) for each in scope["raw_path"].decode().split("/")]
        body = self._body(kind, (namespace, identity), rest)
        text = json.dumps(body) if body is not None else f"{'job versions' if rest else kind} not found"
        await send({"type": "http.response.start", "status": 404 if body is None else 200, "headers": []})
        await send({"type": "http.response.body", "body": text.encode()})

    def _body(self, kind: str, where: Where, rest: list[str]) -> Any:
        if kind == "deployment":
            return self.story.row("deployments", where[1], self.index)
        if kind != "job":
            return None
        if not rest:
            return self.story.job(where, self.index)
        if rest[0] in _LISTS:
            return self.story.rows(rest[0], where, self.index)
        versions = self.story.versions(where, self.index)
        return {"Versions": versions} if versions else None


def _kind(row: Row) -> str | None:
    if "JobSpecModifyIndex" in row:
        return "deployments"
    if "TriggeredBy" in row:
        return "evaluations"
    return "allocations" if "ClientStatus" in row and "JobID" in row else None


def _with_version(row: Row) -> Row:
    """A whole allocation has no JobVersion, but its job has one."""
    return row if "ClientStatus" not in row else {**row, "JobVersion": _version_of(row)}


def _version_of(allocation: Row) -> int:
    return int(allocation.get("JobVersion", (allocation.get("Job") or {}).get("Version", 0)))


def _posted(exchange: Exchange) -> Row | None:
    """The job of a registration."""
    request, body = exchange["request"], exchange["request"].get("body")
    _, _, *segments = request["path"].split("/")
    is_registration = segments == ["jobs"] or (segments[0] == "job" and len(segments) == 2)
    job = body.get("Job") if isinstance(body, dict) and request["method"] in ("POST", "PUT") else None
    return job if is_registration and isinstance(job, dict) else None


def _namespace(exchange: Exchange) -> str:
    query, body = exchange["request"].get("query") or {}, exchange["request"].get("body")
    job = body.get("Job") if isinstance(body, dict) else None
    return str(query.get("namespace") or (job or {}).get("Namespace") or "default")
