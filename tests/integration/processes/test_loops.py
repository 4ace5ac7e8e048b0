"""Given every loop of our processes, when Postgres answers with any error or ends every session, then all loops
continue.

The loops and Postgres are real: triggers raise the current error. A pass is a counted store call that returned.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import structlog

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.processes.presence import PostgresPresences
from app.adapters.postgres.reconcile.targets import PostgresTargets
from app.adapters.postgres.rollout.rollouts import PostgresRollouts
from app.adapters.postgres.views.feed import FeedPace, PostgresFeed
from app.adapters.postgres.wakeup.retention import PostgresRetention
from app.adapters.postgres.wakeup.schedule import PostgresSchedule
from app.domain.deployment import WaitIndex
from app.domain.watch import JobPlace
from app.services.processes.loops import Loop, Loops
from app.services.processes.presence import Presence, ProcessKind
from app.services.reconcile.lease import held
from app.services.rollout.wait_for_change import ChangeWaiter
from app.services.wakeup.schedule import forget_forever, poll_forever, sweep_forever
from tests.fakes.deployer import UnusedDeployer
from tests.fakes.waker import InProcessWaker
from tests.machine_load import machine
from tests.processes import until

# One state of each class, or more where they differ in what they do to a program.
STATES = (
    "03000", "08000", "08006", "09000", "0A000", "0B000", "0F000", "0L000", "0P000", "0Z000", "10608", "20000", "21000",
    "22000", "22021", "23000", "23505", "24000", "25000", "25006", "25P02", "25P03", "26000", "27000", "28000", "28P01",
    "2B000", "2D000", "2F000", "34000", "38000", "39000", "3B000", "3D000", "3F000", "40001", "40P01", "42000", "42501",
    "42601", "42P01", "44000", "53000", "53100", "53200", "53300", "54000", "55000", "55P03", "57000", "57014", "57P01",
    "57P02", "57P03", "57P05", "58000", "58030", "72000", "F0000", "HV000", "P0000", "P0001", "XX000", "XX001", "ZZ999",
)  # fmt: skip
NO_ERRORS = {"00": "success", "01": "a warning", "02": "no data"}
PASSES_AGAIN = 10.0
LONG = 120.0

FAULTS = """
CREATE TABLE faults (state text NOT NULL);
CREATE FUNCTION fault() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE now_raised text;
BEGIN
    SELECT state INTO now_raised FROM faults;
    IF FOUND THEN
        RAISE EXCEPTION 'made up' USING ERRCODE = now_raised;
    END IF;
    RETURN true;
END $$;
CREATE FUNCTION fault_of_a_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM fault();
    RETURN NULL;
END $$;
CREATE TRIGGER fault BEFORE UPDATE ON targets EXECUTE FUNCTION fault_of_a_statement();
CREATE TRIGGER fault BEFORE UPDATE ON rollouts EXECUTE FUNCTION fault_of_a_statement();
CREATE TRIGGER fault BEFORE DELETE ON deliveries EXECUTE FUNCTION fault_of_a_statement();
CREATE TRIGGER fault BEFORE INSERT ON processes EXECUTE FUNCTION fault_of_a_statement();
-- What the feed reads; a function in a view, since nothing fires at a SELECT.
ALTER TABLE unknown_sources RENAME TO those_sources;
INSERT INTO those_sources (source) VALUES ('stranger');
CREATE VIEW unknown_sources AS SELECT those_sources.* FROM fault() AS well JOIN those_sources ON well;
"""

RUNNING = """
INSERT INTO targets (region, namespace, job_id, due_at) VALUES ('', 'default', 'app', now()) RETURNING target_id
"""
ROLLOUT = """
INSERT INTO rollouts (rollout_id, target_id, intent, origin, state, follow_at)
VALUES ($1, $2, 1, 'rule', 'submitted', now() + interval '1 hour')
"""


class Calls:
    """Calls that are under way. Each runs to its end, also when who made it is cancelled, by the bound of its loop or
    at the end of the test: asyncpg leaves an error that nobody reads when its attempt to connect is cancelled, and the
    test would fail of that."""

    def __init__(self) -> None:
        self.under_way: set[asyncio.Task[Any]] = set()

    async def run(self, call: Coroutine[Any, Any, Any]) -> Any:
        """What the call returns or raises; a cancellation of this does not reach it."""
        task = asyncio.create_task(call)
        self.under_way.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait({task})
        return task.result()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.under_way.discard(task)
        if not task.cancelled():
            task.exception()  # read here: who waited may have gone


class Counted:
    """A store whose calls are counted: those that came back as turns of the loop, and those that raised."""

    def __init__(self, name: str, store: Any, loops: "RunningLoops") -> None:
        self._name = name
        self._store = store
        self._loops = loops

    def __getattr__(self, method: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        call = getattr(self._store, method)

        async def counted(*values: Any, **named: Any) -> Any:
            try:
                answer = await self._loops.calls.run(call(*values, **named))
            except BaseException:
                self._loops.failures[self._name] += 1
                raise
            self._loops.passes[self._name] += 1
            return answer

        return counted


class LongLease:
    """Leases that do not run out while a test makes renewals fail."""

    def __init__(self, targets: Any) -> None:
        self._store = targets

    async def renew(self, claim: Any, _seconds: float) -> bool:
        return bool(await self._store.renew(claim, 600.0))


class Still(UnusedDeployer):
    """A deployer in which nothing moves."""

    async def wait_for_change(self, place: JobPlace, wait_index: WaitIndex, *, within: float) -> None:
        await asyncio.sleep(within)


class RunningLoops:
    """All loops at once, with short pauses; `turns` and `failures` count each by its name."""

    def __init__(self, database: Database, url: str) -> None:
        self._database = database
        self._url = url
        self.passes: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.slowest = 0.0
        self.calls = Calls()
        self.feed = PostgresFeed(database, pace=FeedPace(gather=0.01, tick=0.02, retry=0.02, retry_at_most=0.1))
        self.names: tuple[str, ...] = ()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        waker = InProcessWaker()
        targets = PostgresTargets(self._database)
        rollout_id, place = uuid4(), JobPlace(region="", namespace="default", job_id="app")
        async with self._database.connection() as connection:
            target_id = await connection.fetchval(RUNNING)
            await connection.execute(ROLLOUT, rollout_id, target_id)
        claim = await targets.claim(target_id, 600.0)
        assert claim is not None
        waiter = ChangeWaiter(self._counted("rollout_waits", PostgresRollouts(self._database)), Still(), waker)
        waiter.begin(rollout_id, place, WaitIndex(subject="deployment/1", index=1), within=600.0)
        presence = Presence(
            self._counted("presence", PostgresPresences(self._database)),
            kind=ProcessKind.POLLER,
            loops=Loops(),
            every=0.02,
        )
        schedule = PostgresSchedule(self._database)
        tasks = [
            asyncio.create_task(each)
            for each in (
                poll_forever(self._counted("poll", schedule), waker, interval=lambda: 60, pause=0.02, **quick("poll")),
                sweep_forever(self._counted("sweep", schedule), waker, pause=0.02, **quick("sweep")),
                forget_forever(
                    self._counted("forget", PostgresRetention(self._database)),
                    days=lambda: 90,
                    pause=0.02,
                    **quick("forget"),
                ),
                waiter.run(0.02, **quick("rollout_waits")),
                presence.run(),
                self._reconciling(LongLease(targets), claim),
                self._hearing(),
            )
        ]
        self.names = ("poll", "sweep", "forget", "rollout_waits", "presence", "lease")
        try:
            await self.pass_again()
            yield
            assert [task for task in tasks if task.done()] == []
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await waiter.aclose()
            await self.feed.aclose()
            await until(lambda: not self.calls.under_way, "no call is under way", within=LONG)

    async def pass_again(self) -> None:
        """Each loop completes a turn that began after this call."""
        before, began = Counter(self.passes), time.monotonic()
        for name in self.names:
            await until(partial(lambda name: self.passes[name] > before[name] + 1, name), name, within=LONG)
        await until(lambda: not self.feed.problem, lambda: self.feed.problem, within=LONG)
        self.slowest = max(self.slowest, time.monotonic() - began)

    async def all_failed(self) -> None:
        """Each loop has met what is raised now."""
        before = Counter(self.failures)
        for name in self.names:
            await until(partial(lambda name: self.failures[name] > before[name], name), f"{name} fails", within=LONG)
        await until(lambda: self.feed.problem, "the feed fails", within=LONG)

    def _counted(self, name: str, store: object) -> Any:
        return Counted(name, store, self)

    async def _reconciling(self, targets: LongLease, claim: Any) -> None:
        async with held(self._counted("lease", targets), claim, 0.3):
            await asyncio.sleep(3600)

    async def _hearing(self) -> None:
        async with self.feed.listen() as changes:
            async for _ in changes:
                pass


def quick(name: str) -> Any:
    return {"loop": Loop(name, retry=0.02, retry_at_most=0.05)}


@pytest.fixture
def no_tracebacks() -> Iterator[None]:
    """Nothing is logged: to print the traceback of one error takes longer than everything else here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
async def loops(no_tracebacks: None, database_url: str) -> AsyncIterator[RunningLoops]:
    database = Database(database_url)
    async with database.connection() as connection:
        await connection.execute(FAULTS)
    loops = RunningLoops(database, database_url)
    async with loops.running():
        yield loops
    await database.close()


def test_every_class_of_the_error_table_is_here() -> None:
    known = {
        state[:2]
        for each in vars(asyncpg.exceptions).values()
        if isinstance(each, type)
        and issubclass(each, asyncpg.PostgresError)
        and (state := getattr(each, "sqlstate", ""))
    }
    assert known <= {state[:2] for state in STATES} | set(NO_ERRORS)


async def test_every_loop_continues_after_every_error(loops: RunningLoops, database_url: str) -> None:
    switch = await asyncpg.connect(database_url)
    with machine() as pace:
        for state in STATES:
            await switch.execute("INSERT INTO faults VALUES ($1)", state)
            await loops.all_failed()
            await switch.execute("DELETE FROM faults")
            await loops.pass_again()
        assert loops.slowest <= PASSES_AGAIN * pace.stretch
    await switch.close()


async def test_every_loop_continues_after_all_sessions_were_ended(loops: RunningLoops, database_url: str) -> None:
    switch = await asyncpg.connect(database_url)
    with machine() as pace:
        for _ in range(100):
            await switch.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await loops.pass_again()
        assert loops.slowest <= PASSES_AGAIN * pace.stretch
    await switch.close()
