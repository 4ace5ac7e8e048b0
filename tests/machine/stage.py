"""The parts of the machine: real services on a real database. Each piece of work runs in a process of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.adapters.postgres.commands.rollout_commands import PostgresRolloutCommands
from app.adapters.postgres.commands.watch_commands import PostgresWatchCommands
from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.reconcile.targets import PostgresTargets
from app.adapters.postgres.rollout.rollouts import PostgresRollouts
from app.adapters.postgres.wakeup.schedule import PostgresSchedule
from app.domain.deployment import WaitIndex
from app.domain.reference import Repository
from app.domain.watch import JobPlace, Watch
from app.ports import Deployer, RegistrySource
from app.services.commands.watches import Operator
from app.services.config.sync import sync
from app.services.reconcile.reconcile import reconcile
from app.services.reconcile.reconciler import Reconciler
from app.services.reconcile.targets import Targets
from app.services.rollout.follow import Follower, follow
from app.services.rollout.rollouts import Rollouts
from app.services.rollout.wait_for_change import ChangeWaiter
from tests.default_settings import PATIENCE_DEFAULTS, RECONCILE_DEFAULTS
from tests.fakes.deployer import UnusedDeployer
from tests.fakes.registry import digest_of
from tests.fakes.waker import InProcessWaker
from tests.machine.gate import Crashed, Gated, Plan
from tests.machine.ledger import Ledger
from tests.machine.nomad import MachineNomad
from tests.machine.process import Process
from tests.machine.registry import LedgerRegistry
from tests.machine.rows import MachineRows

HOST = "registry.test"
JOBS = ("web", "db")
LEASE = 3600.0  # only the machine lets a lease expire
BROKEN = "broken"
"""The content that never runs."""


class _Unchanging(UnusedDeployer):
    """A Nomad that never tells of a change: the machine says when a rollout is checked."""

    async def wait_for_change(self, place: JobPlace, wait_index: WaitIndex, *, within: float) -> None:
        await asyncio.Event().wait()


@dataclass(kw_only=True)
class Stage:
    """Everything that a run of the machine works with; `opened` makes one, `reset` begins a new run on it."""

    database: Database
    nomad: MachineNomad
    deployer: NomadDeployer
    rows: MachineRows
    waker: InProcessWaker = field(default_factory=InProcessWaker)
    registry: LedgerRegistry = field(default_factory=LedgerRegistry)
    ledger: Ledger = field(default_factory=Ledger)
    frozen: list[Process] = field(default_factory=list)
    _waiter: ChangeWaiter | None = None
    _seen: int = 0

    @classmethod
    def opened(cls, database_url: str, nomad: MachineNomad, nomad_url: str) -> "Stage":
        """The parts, connected at their first use."""
        database = Database(database_url, timeout=90.0)
        deployer = NomadDeployer(NomadConnection(address=nomad_url))
        return cls(database=database, nomad=nomad, deployer=deployer, rows=MachineRows(database))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._end_processes()
        await self.deployer.aclose()
        await self.database.close()

    async def reset(self) -> None:
        """Begin a run: each job runs the first image of its repository, is watched, and was checked once."""
        await self._end_processes()
        await self.rows.empty()
        failing = digest_of(BROKEN)
        self.nomad.reset((failing,))
        self.registry, self.waker = LedgerRegistry(), InProcessWaker()
        self.ledger = Ledger(failing=frozenset({failing}), on=dict.fromkeys(JOBS, True))
        self._waiter = ChangeWaiter(PostgresRollouts(self.database), _Unchanging(), self.waker)
        for job in JOBS:
            digest = self.registry.put(repository(job), "v1.0.0", "first", tick=self.ledger.next())
            self.nomad.seed(job, f"{HOST}/{repository(job)}:v1.0.0@{digest}")
            self.ledger.set_base(job, self.nomad.index(job), self.nomad.image(job))
        self._seen = self.nomad.simulator.ledger.entries(origin=None)[-1].sequence
        await sync(PostgresWatches(self.database), tuple(map(_watch, JOBS)), at_start=True)
        for job in JOBS:
            await self.reconcile(job, Plan())

    @property
    def operator(self) -> Operator:
        """What people's commands go through."""
        return Operator(
            watch_commands=PostgresWatchCommands(self.database),
            rollout_commands=PostgresRolloutCommands(self.database),
            registries=self.registry,
            deployer=self.deployer,
            waker=self.waker,
        )

    def may_deploy(self, job: str) -> bool:
        """Whether the switches let the rule deploy the job now."""
        return self.ledger.on[job] and not self.ledger.paused

    async def reconcile(self, job: str, plan: Plan) -> Process:
        """Reconcile the job in a new process, if it is due and not leased; time passes until it is due."""
        process = Process.planned(job, plan, lambda: self.may_deploy(job))
        targets, registries, deployer = self._gated(process, PostgresTargets(self.database), self.registry)
        reconciler = Reconciler(
            targets=cast(Targets, targets),
            registries=cast(RegistrySource, registries),
            deployer=cast(Deployer, deployer),
            waker=self.waker,
            settings=replace(RECONCILE_DEFAULTS, lease=LEASE),
        )
        target_id = await self.rows.let_due(job)

        async def work() -> None:
            await reconcile(reconciler, target_id)

        return await self._run(process, lambda: process.begin(work))

    async def follow(self, job: str, plan: Plan) -> Process:
        """Check the job's rollout in a new process, if one is under way and not leased; time passes until it is due."""
        process = Process.planned(job, plan, lambda: self.may_deploy(job))
        assert self._waiter is not None
        rollouts, _, deployer = self._gated(process, PostgresRollouts(self.database), self.registry)
        follower = Follower(
            rollouts=cast(Rollouts, rollouts),
            deployer=cast(Deployer, deployer),
            waker=self.waker,
            waiter=self._waiter,
            patience=replace(PATIENCE_DEFAULTS, grace=0.0),
            lease=LEASE,
        )
        rollout_id = await self.rows.let_rollout_due(job)

        async def work() -> None:
            if rollout_id is not None:
                await follow(follower, rollout_id)

        return await self._run(process, lambda: process.begin(work))

    async def go_on(self, process: Process) -> None:
        """Let a frozen process return and work to its end."""
        self.frozen.remove(process)
        await self._run(process, process.go_on)

    async def return_fenced(self, process: Process) -> str:
        """Let a frozen process return; says what it changed if another may have its lease, "" if nothing."""
        token, passed = process.token, len(process.gate.calls)
        holders, before = await self.rows.holders(), await self.rows.contents()
        await self.go_on(process)
        ended = holders - {token} - await self.rows.holders()
        if ended:
            return (
                f"{process.job}: a process that returned ended the lease of another: {process.gate.calls[passed - 1 :]}"
            )
        after = await self.rows.contents()
        # A registration is a fact, however late it is recorded.
        records = "submitted" in process.gate.calls[passed - 1 :]
        if token is None or token in holders or records or after == before:
            return ""
        changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
        return f"{process.job}: a process without its lease changed {changed} by {process.gate.calls[passed - 1 :]}"

    async def work_round(self) -> None:
        """Reconcile each job, check each rollout, and let time pass in Nomad."""
        for job in JOBS:
            await self.reconcile(job, Plan())
            await self.follow(job, Plan())
        self.nomad.work(6.0)

    async def poll(self) -> None:
        """Let time pass until every job is polled."""
        await self.rows.let_polls_pass()
        await PostgresSchedule(self.database).due_for_poll(interval=60, limit=100)

    def absorb(self, process: Process | None = None) -> None:
        """Take the new entries of Nomad's ledger into our account; ours are those of the process that just ran."""
        for entry in self.nomad.simulator.ledger.entries(since=self._seen, origin=None):
            evidence = process.evidence if process is not None and entry.origin == "client" else None
            self.ledger.add(entry, evidence)
            self._seen = entry.sequence

    def restore(self) -> None:
        """Put Nomad back to its snapshot."""
        self.nomad.restore()
        self.ledger.epoch += 1
        self.ledger.restored_at = self.ledger.next()
        for job in JOBS:
            self.ledger.set_base(job, self.nomad.index(job), self.nomad.image(job))

    def _gated(self, process: Process, *ports: Any) -> Iterable[Gated]:
        return [Gated(port, process.gate, process.observe) for port in (*ports, self.deployer)]

    async def _run(self, process: Process, working: Callable[[], Awaitable[None]]) -> Process:
        try:
            await working()
        except Crashed:
            pass
        finally:
            self.absorb(process)
        if process.is_frozen:
            self.frozen.append(process)
        return process

    async def _end_processes(self) -> None:
        for process in self.frozen:
            assert process.task is not None
            process.task.cancel()
            await asyncio.gather(process.task, return_exceptions=True)
        self.frozen.clear()
        if self._waiter is not None:
            await self._waiter.aclose()


def repository(job: str) -> str:
    """The path of the job's repository."""
    return f"team/{job}"


def _watch(job: str) -> Watch:
    return Watch(
        name=job,
        registry="main",
        repository=Repository.of(HOST, repository(job)),
        place=JobPlace(region="", namespace="default", job_id=job),
        task="server",
    )
