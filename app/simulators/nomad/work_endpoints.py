"""The endpoints of evaluations, allocations and logs: NomadCall in, NomadAnswer out. No HTTP, no waiting."""

from __future__ import annotations

from app.simulators.nomad import health, views
from app.simulators.nomad import logs as task_logs
from app.simulators.nomad.call import NomadAnswer, NomadCall
from app.simulators.nomad.lists import Kind, page
from app.simulators.nomad.refusal import Refused
from app.simulators.nomad.release import SimulatedVersion
from app.simulators.nomad.simulator import Simulator
from app.simulators.nomad.tables import Allocation

UUID_LENGTH = 36
BAD_UUID = "index error: UUID must be 36 characters"


def evaluation(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    if len(call.subject) != UUID_LENGTH:
        raise Refused(500, f"failed to lookup eval: eval lookup failed: {BAD_UUID}")
    with nomad.at_work() as world:
        row = world.evaluations.get(call.subject)
        if row is None:
            raise Refused(404, "eval not found", index=world.touched["evaluations"])
        nomad.require(call, "read-job", namespace=row.namespace)
        return NomadAnswer(body=views.evaluation(row, nomad.release), index=row.modify_index)


def list_evaluations(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        visible = nomad.visible(call, "read-job")
        job, status = call.query.get("job"), call.query.get("status")
        rows = [
            row
            for row in world.evaluations.values()
            if visible(row.namespace) and job in (None, row.job_id) and status in (None, row.status)
        ]
        body = [views.evaluation(row, nomad.release) for row in rows]
        return NomadAnswer(body=body, index=world.touched["evaluations"])


def list_allocations(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    """In order of creation. `task_states=false` leaves the states of the tasks out."""
    with nomad.at_work() as world:
        visible = nomad.visible(call, "read-job")
        rows = [row for row in world.allocations.values() if visible(row.namespace)]
        found, following = page(rows, call, _allocations(nomad.release))
        stubs = [views.allocation_stub(row, nomad.release) for row in found]
        if "task_states" in call.query and not call.flag("task_states"):
            stubs = [{**stub, "TaskStates": None} for stub in stubs]
        return NomadAnswer(body=stubs, index=world.touched["allocations"], next_token=following)


def _allocations(release: SimulatedVersion) -> Kind[Allocation]:
    return Kind(
        id=lambda row: row.id,
        key=lambda row: f"{row.create_index}.{row.id}",
        fields=lambda row: views.allocation_stub(row, release),
    )


def evaluation_allocations(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        rows = [row for row in world.allocations.values() if row.eval_id == call.subject]
        body = [views.allocation_stub(row, nomad.release) for row in rows]
        return NomadAnswer(body=body, index=world.touched["allocations"])


def allocation(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        row = _allocation(nomad, call)
        if row is None or not nomad.permits(call, "read-job", namespace=row.namespace):
            raise Refused(404, "alloc not found", index=world.touched["allocations"])
        return NomadAnswer(body=views.allocation(row, nomad.release), index=row.modify_index)


def logs(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    """The logs of a task. `type`: stdout or stderr; `origin`: start or end; `offset`: bytes; plain text or frames."""
    request = task_logs.LogRequest.of(call.query)
    with nomad.at_work() as world:
        row = _allocation(nomad, call)
        if row is None:
            raise Refused(404, f'Unknown allocation "{call.subject}"')
        nomad.require(call, "read-logs", "read-fs", namespace=row.namespace)
        return NomadAnswer(body=task_logs.read(world, row, request), read=False)


def checks(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    """The results of the checks of Nomad's own services, from the allocation's client."""
    with nomad.at_work() as world:
        row = _allocation(nomad, call)
        if row is None:
            raise Refused(404, f'Unknown allocation "{call.subject}"')
        nomad.require(call, "read-job", namespace=row.namespace)
        return NomadAnswer(body=health.checks(world, row, nomad.release), read=False)


def _allocation(nomad: Simulator, call: NomadCall) -> Allocation | None:
    if len(call.subject) != UUID_LENGTH:
        raise Refused(500, f"alloc lookup failed: {BAD_UUID}")
    return nomad.world.allocations.get(call.subject)
