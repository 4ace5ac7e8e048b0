"""The steps of the machine: what registries, people, Nomad, time and our own processes may do next."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.adapters.postgres.wakeup.schedule import PostgresSchedule
from app.errors import RegistryUnavailable, RegistryWatcherError
from app.services.commands import rollouts, watches
from app.services.wakeup.schedule import sweep
from app.simulators.nomad.faults import FaultAction, NomadFault
from tests.machine.deliveries import Deliveries, deleted, pushed
from tests.machine.end import settle, wrong_at_the_end
from tests.machine.gate import Fault, Plan
from tests.machine.judged import wrong_now
from tests.machine.ledger import Command
from tests.machine.stage import BROKEN, HOST, JOBS, Stage, repository

_jobs = st.sampled_from([*JOBS, *JOBS[:1] * 2])  # most happens to one job
_tags = st.sampled_from(["v1.0.0", "v1.1.0", "v1.2.0", "stable"])
_contents = st.sampled_from(["first", "second", "first", "second", BROKEN])
# Each piece of work with its calls; those around a registration and an end are drawn more often.
_points = st.sampled_from(
    [
        *(("reconcile", call) for call in ("claim", "recover", "inspect", "tags", "manifest", "record_resolved")),
        *(("reconcile", call) for call in ("settle", "settle", "submit", "submit", "submit", "submitted", "requeue")),
        *(("follow", call) for call in ("claim", "observe", "observe", "wait", "end", "end", "diagnose")),
    ]
)


class Machine(RuleBasedStateMachine):
    """One run. `stage` and `runner` are set by the test, for all runs."""

    stage: ClassVar[Stage]
    runner: ClassVar[asyncio.Runner]

    def __init__(self) -> None:
        super().__init__()
        self.run(self.stage.reset())
        self.deliveries = Deliveries(self.stage)
        self.checked, self.has_failed = 0, False

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do the work; a failure is remembered, so that the end is not judged as well."""
        try:
            return self.runner.run(work)
        except BaseException:
            self.has_failed = True
            raise

    # The registry.

    @rule(job=_jobs, tag=_tags, content=_contents, sent=st.sampled_from(["once", "once", "twice", "late", "never"]))
    def push(self, job: str, tag: str, content: str, sent: str) -> None:
        digest = self.stage.registry.put(repository(job), tag, content, tick=self.stage.ledger.next())
        event = pushed(job, tag, digest)
        if sent == "late":
            self.deliveries.late.append(event)
        for _ in range({"once": 1, "twice": 2}.get(sent, 0)):
            self.run(self.deliveries.send(event))

    @rule(job=_jobs, tag=_tags, is_sent=st.booleans())
    def delete(self, job: str, tag: str, is_sent: bool) -> None:
        self.stage.registry.delete(repository(job), tag, tick=self.stage.ledger.next())
        if is_sent:
            self.run(self.deliveries.send(deleted(job, tag)))

    @precondition(lambda self: self.deliveries.late)
    @rule()
    def deliver_late(self) -> None:
        self.run(self.deliveries.send(self.deliveries.late.pop()))

    @rule()
    def registry_goes_or_comes(self) -> None:
        is_out = self.stage.registry.outage is not None
        self.stage.registry.outage = None if is_out else RegistryUnavailable("out for a test")

    # People.

    @rule(job=_jobs)
    def toggle(self, job: str) -> None:
        on = not self.stage.ledger.on[job]
        self.run(watches.set_rule(self.stage.operator, job, by="ann", auto_deploy=on))
        self.stage.ledger.on[job] = on

    @rule()
    def pause_or_resume(self) -> None:
        paused = not self.stage.ledger.paused
        self.run(watches.switch(self.stage.operator, paused=paused, by="ann"))
        self.stage.ledger.paused = paused

    @rule(job=_jobs, tag=st.one_of(st.just(""), _tags))
    def deploy(self, job: str, tag: str) -> None:
        self.run(self._command(job, watches.set_rule(self.stage.operator, job, by="ann", pinned_tag=tag), pin=tag))

    @rule(job=_jobs)
    def roll_back(self, job: str) -> None:
        self.run(self._roll_back(job))

    @rule(job=_jobs)
    def release_hold(self, job: str) -> None:
        self.run(self._command(job, watches.release_hold(self.stage.operator, job, by="ann")))

    async def _roll_back(self, job: str) -> None:
        rollout_id = await self.stage.rows.last_rollout(job)
        if rollout_id is not None:
            command = rollouts.rollback(self.stage.operator, rollout_id, by="ann")
            await self._command(job, command, is_rollback=True)

    async def _command(
        self,
        job: str,
        command: Coroutine[Any, Any, watches.Reply],
        *,
        pin: str | None = None,
        is_rollback: bool = False,
    ) -> None:
        with suppress(RegistryWatcherError):  # refused: nothing has changed
            reply = await command
            ledger = self.stage.ledger
            ledger.commands.append(
                Command(tick=ledger.next(), job=job, rollout_id=reply.rollout_id, is_rollback=is_rollback)
            )
            if pin is not None:
                ledger.pinned[job] = pin

    # Nomad.

    @rule(seconds=st.sampled_from([0.5, 1.5, 6.0]))
    def nomad_works(self, seconds: float) -> None:
        self.stage.nomad.work(seconds)

    @rule(job=_jobs, tag=_tags, is_heard=st.booleans())
    def register_by_another(self, job: str, tag: str, is_heard: bool) -> None:
        digest = self.stage.registry.images[repository(job)].get(tag)
        if digest is not None:
            image = f"{HOST}/{repository(job)}:{tag}@{digest}"
            self.stage.nomad.simulator.set_image(job, group="app", task="server", image=image)
        else:
            self.stage.nomad.simulator.change_by_another(job)
        self.stage.absorb()
        if is_heard:
            self.run(self.stage.rows.hear_of(job))

    @rule(fault=st.sampled_from(["answer lost", "no leader", "another first", "gateway after"]), job=_jobs)
    def nomad_fault(self, fault: str, job: str) -> None:
        register = NomadFault(action=FaultAction.RESET, method="POST", path=f"/v1/job/{job}", after=True)
        planned = {
            "answer lost": register,
            "gateway after": replace(register, action=FaultAction.STATUS, status=504),
            "another first": replace(register, action=FaultAction.FOREIGN, after=False),
            "no leader": NomadFault(action=FaultAction.STATUS, text="No cluster leader"),
        }
        self.stage.nomad.simulator.faults.add(planned[fault])

    @rule()
    def take_snapshot(self) -> None:
        self.stage.nomad.snapshot()

    @precondition(lambda self: self.stage.nomad.has_snapshot)
    @rule()
    def restore(self) -> None:
        self.stage.restore()

    # Time, and our processes.

    @rule(job=_jobs)
    def reconcile(self, job: str) -> None:
        self.run(self.stage.reconcile(job, Plan()))

    @rule(job=_jobs)
    def follow(self, job: str) -> None:
        self.run(self.stage.follow(job, Plan()))

    @rule(job=_jobs, content=_contents)
    def push_and_work(self, job: str, content: str) -> None:
        """What happens most often, in one step."""
        self.push(job, "v1.2.0", content, "once")
        self.all_work()

    @rule(job=_jobs, content=_contents, point=_points, after=st.booleans())
    def push_and_crash(self, job: str, content: str, point: tuple[str, str], after: bool) -> None:
        self.push_for(job, content, point[0])
        self.crash(job, point, after)

    @rule(job=_jobs, point=_points, after=st.booleans())
    def crash(self, job: str, point: tuple[str, str], after: bool) -> None:
        self.strike(job, point[0], Plan(fault=Fault.CRASH, call=point[1], after=after))

    @rule(job=_jobs, content=_contents, point=_points, after=st.booleans())
    def push_and_freeze(self, job: str, content: str, point: tuple[str, str], after: bool) -> None:
        self.push_for(job, content, point[0])
        self.freeze(job, point, after, loses_lease=True)

    @rule(job=_jobs, point=_points, after=st.booleans(), loses_lease=st.booleans())
    def freeze(self, job: str, point: tuple[str, str], after: bool, loses_lease: bool) -> None:
        self.strike(job, point[0], Plan(fault=Fault.FREEZE, call=point[1], after=after))
        if loses_lease:
            self.leases_expire()

    def push_for(self, job: str, content: str, kind: str) -> None:
        """Push what the next piece of work is about; a rollout is followed once it was registered."""
        self.push(job, "v1.2.0", content, "once")
        if kind == "follow":
            self.reconcile(job)

    def strike(self, job: str, kind: str, plan: Plan) -> None:
        """Begin a piece of work that crashes or freezes."""
        work = self.stage.reconcile if kind == "reconcile" else self.stage.follow
        note(f"  calls: {self.run(work(job, plan)).gate.calls}")

    @rule()
    def all_work(self) -> None:
        self.run(self.stage.work_round())

    @rule()
    def leases_expire(self) -> None:
        self.run(self.stage.rows.expire_leases())

    @precondition(lambda self: self.stage.frozen)
    @rule(number=st.integers(0, 3))
    def first_holder_returns(self, number: int) -> None:
        frozen = self.stage.frozen
        problem = self.run(self.stage.return_fenced(frozen[number % len(frozen)]))
        self.judge([problem] if problem else [])

    @rule()
    def poll_and_sweep(self) -> None:
        self.run(self.stage.poll())
        self.run(sweep(PostgresSchedule(self.stage.database), self.stage.waker))

    # Judgement.

    @invariant()
    def nothing_is_wrong(self) -> None:
        found = self.run(wrong_now(self.stage, since=self.checked))
        self.checked = self.stage.ledger.tick
        self.judge(found)

    def judge(self, problems: list[str]) -> None:
        """Fail with these problems, if there are any."""
        if problems:
            self.has_failed = True
            raise AssertionError("; ".join(problems))

    def teardown(self) -> None:
        """Once every fault has stopped, everything must come right in a bounded number of rounds."""
        if not self.has_failed:
            self.judge(self.run(settle(self.stage)))
            self.nothing_is_wrong()
            self.judge(self.run(wrong_at_the_end(self.stage)))
