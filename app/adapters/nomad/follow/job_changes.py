"""Changes of the jobs of a namespace: Nomad's event stream, lists of what changed meanwhile, and a cheap sign of life.

Events are read by topic and never by type, which names the raft message that caused them (docs/nomad.md, section 16).
It judges no change.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson

from app.adapters.nomad import refusals
from app.adapters.nomad.errors import while_reading
from app.adapters.nomad.http.access import NomadAccess
from app.adapters.nomad.http.problem import Problem, Refusal, Silence
from app.adapters.nomad.http.streaming import NomadReads, Query
from app.adapters.nomad.refusals import Doing
from app.domain.job_change import ChangeKind, JobIndexes, JobList, JobSignal, Namespace
from app.domain.watch import JobPlace
from app.errors import NomadDenied, NomadUnavailable, RegistryWatcherError
from app.ports import ChangeBatch

FIRST_LINE = 3.0  # seconds: a permitted stream sends a line at once
WAIT = 3  # seconds that a question for life waits at Nomad
_ANSWER = 2.0  # seconds that its answer may take beyond that
_PAGE = 500
_MOST_PAGES = 2_000
_PAGE_WITHIN = 15.0
_NEWEST = 2**53  # larger than any index: the stream begins with its newest batch
_KINDS = {kind.value.capitalize(): kind for kind in ChangeKind}


class NomadJobChanges:
    """Implements `JobChanges` of app/ports.py. Belongs to one event loop."""

    def __init__(self, access: NomadAccess) -> None:
        self._access = access
        self._reads = NomadReads(access)

    async def batches(self, namespace: Namespace, *, since: int) -> AsyncGenerator[ChangeBatch, None]:
        """As `JobChanges.batches` of app/ports.py."""
        place = _place(namespace)
        query: Query = [("topic", topic) for topic in _KINDS]
        query.append(("index", str(since or _NEWEST)))
        async with aclosing(self._reads.lines(place, "event", "stream", query=query)) as lines:
            yield _batch(await self._first(lines, namespace))
            try:
                async for line in lines:
                    yield _batch(line)
            except (Refusal, Silence) as problem:
                raise self._failed(problem, place) from problem
        raise NomadUnavailable(refusals.silent(self._origin, "its event stream ended; it is opened again"))

    async def listed(self, namespace: Namespace) -> JobList:
        """As `JobChanges.listed` of app/ports.py."""
        place = _place(namespace)
        jobs: dict[str, JobIndexes] | None = {}
        index = 0
        try:
            async for row, at in self._rows(place, "jobs"):
                index = max(index, at)
                if row is not None and jobs is not None:
                    jobs[row["ID"]] = _indexes(row)
        except Refusal as refusal:
            if refusal.status != 403:
                raise self._failed(refusal, place) from refusal
            jobs = None
        except Silence as silence:
            raise self._failed(silence, place) from silence
        allocations: dict[str, int] = {}
        try:
            async for row, at in self._rows(place, "allocations", task_states="false"):
                index = max(index, at)
                if row is not None:
                    job_id = str(row.get("JobID"))
                    allocations[job_id] = max(allocations.get(job_id, 0), row.get("ModifyIndex") or 0)
        except (Refusal, Silence) as problem:
            raise self._failed(problem, place) from problem
        return JobList(index=index, jobs=jobs, allocations=allocations)

    async def sign_of_life(self, namespace: Namespace, *, index: int) -> int:
        """As `JobChanges.sign_of_life` of app/ports.py."""
        place = self._access.place(_place(namespace))
        query = {"index": str(index), "wait": f"{WAIT}s"} if index else {}
        within = _ANSWER + (WAIT * 17 / 16 if index else 0.0)
        try:
            answer = await self._reads.read(
                place, "namespace", place.namespace, within=within, query=query, waits=bool(index)
            )
        except (Refusal, Silence) as problem:
            raise self._failed(problem, place) from problem
        return answer.index

    async def aclose(self) -> None:
        """Close the connections; streams end."""
        await self._reads.aclose()

    @property
    def _origin(self) -> str:
        return self._access.connection.origin

    async def _first(self, lines: AsyncIterator[bytes | None], namespace: Namespace) -> bytes | None:
        """The first line. Without one, Nomad is away, or refuses the stream: the sign of life tells which."""
        place = self._access.place(_place(namespace))
        try:
            async with asyncio.timeout(FIRST_LINE):
                return await anext(lines)
        except Refusal as refusal:
            if refusal.status >= 500:
                raise self._failed(refusal, place) from refusal
            message = refusals.refused_stream(self._origin, refusal.status, refusal.text, namespace=place.namespace)
            raise NomadDenied(message) from refusal
        except Silence as silence:
            raise self._failed(silence, place) from silence
        except (TimeoutError, StopAsyncIteration) as nothing:
            await self.sign_of_life(namespace, index=0)
            raise NomadDenied(refusals.silent_stream(self._origin, namespace=place.namespace)) from nothing

    async def _rows(self, place: JobPlace, what: str, **query: str) -> AsyncIterator[tuple[dict[str, Any] | None, int]]:
        """The rows of a list, page by page, each with the list's index; (None, index) for an empty page."""
        token = ""
        for _ in range(_MOST_PAGES):
            asked = {**query, "per_page": str(_PAGE), **({"next_token": token} if token else {})}
            answer = await self._reads.read(place, what, within=_PAGE_WITHIN, query=asked)
            rows = answer.body
            if not isinstance(rows, list) or not all(isinstance(row, dict) and "ID" in row for row in rows):
                raise Silence("its list is not in Nomad's form; correct NOMAD_ADDR, or the proxy before it", sent=True)
            yield None, answer.index
            for row in rows:
                yield row, answer.index
            token = answer.next_token
            if not token:
                return
        raise Silence(f"its list of {what} has no end; correct the proxy before Nomad", sent=True)

    def _failed(self, problem: Problem, place: JobPlace) -> RegistryWatcherError:
        return while_reading(problem, self._origin, doing=Doing.FOLLOWING, place=self._access.place(place))


def _place(namespace: Namespace) -> JobPlace:
    return JobPlace(region=namespace.region, namespace=namespace.name, job_id="")


def _indexes(row: dict[str, Any]) -> JobIndexes:
    return JobIndexes(
        job_index=row.get("JobModifyIndex") or 0,
        create_index=row.get("CreateIndex") or 0,
        modify_index=row.get("ModifyIndex") or 0,
    )


def _batch(line: bytes | None) -> ChangeBatch:
    """A line as changes; a heartbeat has none. A line that cannot be read may be about any job."""
    if line is None:
        return ChangeBatch(unreadable=True)
    try:
        found = orjson.loads(line) if line.strip() else {}
        if not found.get("Events"):
            return ChangeBatch()
        changes = [change for event in found["Events"] if (change := _change(event)) is not None]
        return ChangeBatch(index=int(found["Index"]), changes=tuple(changes))
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        return ChangeBatch(unreadable=True)


def _change(event: dict[str, Any]) -> JobSignal | None:
    """The change of an event; None for a topic that was not asked for, and for a step of no consequence."""
    kind = _KINDS.get(event["Topic"])
    payload = event.get("Payload") or {}
    subject = payload.get(event["Topic"]) or {}
    if kind is None or (kind is ChangeKind.EVALUATION and subject.get("Status") == "pending"):
        return None
    if kind is ChangeKind.JOB:
        return JobSignal(
            job_id=str(event["Key"]),
            kind=kind,
            job_index=subject.get("JobModifyIndex") or 0,
            deleted=bool(payload.get("Deleted")),
        )
    job_id = subject.get("JobID") or next(iter(event.get("FilterKeys") or ()), "")
    return JobSignal(job_id=str(job_id), kind=kind)
