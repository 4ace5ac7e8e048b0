"""The reads under /v1/job…: NomadCall in, NomadAnswer out, Refused where Nomad refuses. No HTTP, no waiting."""

from __future__ import annotations

from typing import TypeVar

from app.simulators.nomad import views
from app.simulators.nomad.call import NomadAnswer, NomadCall
from app.simulators.nomad.diff import job_diff
from app.simulators.nomad.lists import Kind, page
from app.simulators.nomad.refusal import Json, Refused
from app.simulators.nomad.simulator import Simulator
from app.simulators.nomad.tables import JobRecord, TableRow
from app.simulators.nomad.world import World

AnyRow = TypeVar("AnyRow", bound=TableRow)
JOBS: Kind[JobRecord] = Kind(
    id=lambda record: record.id,
    key=lambda record: f"{record.namespace}.{record.id}",
    fields=lambda record: record.current,
)


def list_jobs(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        visible = nomad.visible(call, "list-jobs")
        everything = [record for (namespace, _), record in sorted(world.jobs.items()) if visible(namespace)]
        found, following = page(everything, call, JOBS)
        stubs = [views.job_stub(record, meta=call.flag("meta")) for record in found]
        return NomadAnswer(body=stubs, index=world.touched["jobs"], next_token=following)


def read_job(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work():
        job = nomad.record(call.subject, call.namespace).current
        return NomadAnswer(body=views.job(job, nomad.release), index=job["ModifyIndex"])


def versions(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        record = world.jobs.get((call.namespace, call.subject))
        if record is None:
            raise Refused(404, "job versions not found", index=world.touched["jobs"])
        index = max(job["ModifyIndex"] for job in record.versions)
        newest_first = record.versions[::-1]
        shown = {
            "Diffs": _diffs(newest_first) if call.flag("diffs") else None,
            "Versions": [views.job(job, nomad.release) for job in newest_first],
        }
        meta = {"Index": index, "KnownLeader": True, "LastContact": 0, "NextToken": ""}
        return NomadAnswer(body={**meta, **shown}, index=index)


def summary(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work():
        record = nomad.record(call.subject, call.namespace)
        return NomadAnswer(body=views.summary(record), index=record.current["ModifyIndex"])


def scale_status(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work():
        record = nomad.record(call.subject, call.namespace)
        return NomadAnswer(body=views.scale_status(record), index=record.current["ModifyIndex"])


def deployments(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        record = _record(world, call)
        rows = _by_id(record.deployments) if record is not None else []
        body = [nomad.release.deployment(views.deployment(row)) for row in rows]
        return NomadAnswer(body=body, index=world.touched["deployments"], version=_newest(rows))


def deployment(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        record = _record(world, call)
        latest = record.latest_deployment if record is not None else None
        body = nomad.release.deployment(views.deployment(latest)) if latest is not None else None
        version = _newest([latest] if latest is not None else [])
        return NomadAnswer(body=body, index=world.touched["deployments"], version=version)


def evaluations(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        record = _record(world, call)
        rows = _by_id(record.evaluations) if record is not None else []
        body = [views.evaluation(row, nomad.release) for row in rows]
        return NomadAnswer(body=body, index=world.touched["evaluations"], version=_newest(rows))


def allocations(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        record = _record(world, call)
        rows = _by_id(record.allocations) if record is not None else []
        body = [views.allocation_stub(row, nomad.release) for row in rows]
        return NomadAnswer(body=body, index=world.touched["allocations"], version=_newest(rows))


def _diffs(newest_first: list[Json]) -> list[Json] | None:
    pairs = zip(newest_first[1:], newest_first, strict=False)
    return [job_diff(older, newer) for older, newer in pairs] or None


def _by_id(rows: dict[str, AnyRow]) -> list[AnyRow]:
    """Rows in the order of their random ids, as in Nomad's tables. It is not an order of time."""
    return [rows[key] for key in sorted(rows)]


def _newest(rows: list[AnyRow]) -> object:
    """Changes with a job's own rows. None without any row; then each change of the table wakes the query."""
    return (len(rows), max(row.modify_index for row in rows)) if rows else None


def _record(world: World, call: NomadCall) -> JobRecord | None:
    return world.jobs.get((call.namespace, call.subject))
