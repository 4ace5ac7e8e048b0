"""Whether work moves: outages for work that waits too long, and for processes without a heartbeat. Pure.

Each cause is one sentence, which names the thing, the cause and the fix. It must not know how the facts are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.services.processes.loops import LoopState, stalled
from app.services.processes.presence import ProcessKind
from app.services.views.queries import SystemOutage

ALIVE_WITHIN = 6.0  # seconds, three heartbeats: a process with a newer one counts as running
UNATTENDED = 2.0  # seconds that work may be due while no worker runs
BEHIND = 8.0  # seconds that work may be due while a worker runs
POLL_LATE = 5.0  # seconds that polls may be due while no poller runs
POLL_BEHIND = 15.0  # seconds that polls may be due while a poller runs
# An outage of Postgres silences processes; nobody is woken while Redis is away.
_BY_STORE = frozenset({"Postgres"})
_BY_WAKES = frozenset({"Postgres", "Redis"})
MOST = 100  # rows of a kind that are counted
_NAMED = 3  # processes that a sentence names


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingWork:
    """Rows that are due and have no lease: how many (MOST at most), how long the oldest has been due, in seconds, and
    since when."""

    count: int = 0
    age: float = 0.0
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProcess:
    """A process by its row: `age` is how many seconds ago its last heartbeat was, at the time `at`; it started
    `started` seconds ago."""

    kind: ProcessKind
    host: str
    pid: int
    age: float
    at: datetime
    started: float
    loops: tuple[LoopState, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether its last heartbeat is new enough."""
        return self.age <= ALIVE_WITHIN

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The work in the store; all ages are by its clock.

    `jobs` and `rollouts` are due and not leased. `pushes` are events without an answer for which no check is planned:
    an event that waits for a late tag, or for a registry, has one planned. `polls` are jobs whose poll time has come.
    """

    jobs: WaitingWork = WaitingWork()
    rollouts: WaitingWork = WaitingWork()
    pushes: WaitingWork = WaitingWork()
    polls: WaitingWork = WaitingWork()
    processes: tuple[KnownProcess, ...] = ()


def standstill(work: Work) -> tuple[SystemOutage, ...]:
    """The work and processes that do not move, and why.

    Empty if no process has a heartbeat: then the store cannot be written, which the reader reports itself, and nothing
    is known of the other processes.
    """
    if not any(each.is_running for each in work.processes):
        return ()
    return tuple(
        found
        for found in (
            _work_waits(work),
            _pushes_wait(work),
            _polls_wait(work),
            *(_silent(work, kind) for kind in ProcessKind),
            *(_stalled(work, kind) for kind in ProcessKind),
        )
        if found is not None
    )


def _work_waits(work: Work) -> SystemOutage | None:
    waiting = [(each, name) for each, name in ((work.jobs, "job"), (work.rollouts, "rollout")) if each.count]
    if not waiting:
        return None
    oldest = max((each for each, _ in waiting), key=lambda each: each.age)
    what = " and ".join(_counted(each.count, name) for each, name in waiting)
    workers = _running(work, ProcessKind.WORKER)
    if not workers and oldest.age > UNATTENDED:
        problem = f"no worker is running: {what} due, the oldest for {oldest.age:.0f} s; start `registrywatcher worker`"
    elif workers and oldest.age > BEHIND:
        problem = (
            f"work is behind: {what} due, the oldest for {oldest.age:.0f} s, with {_counted(len(workers), 'worker')} "
            "running; see the log of the workers, or start more of them"
        )
    else:
        return None
    return SystemOutage(name="worker", problem=problem, since=oldest.since, explained_by=_BY_WAKES)


def _pushes_wait(work: Work) -> SystemOutage | None:
    if not work.pushes.count or work.pushes.age <= BEHIND:
        return None
    what = f"{_counted(work.pushes.count, 'push', 'pushes')} without an answer, the oldest for {work.pushes.age:.0f} s"
    problem = f"{what}, and no check is planned: check the repositories, and see the log of the workers"
    return SystemOutage(name="pushes", problem=problem, since=work.pushes.since, explained_by=_BY_WAKES)


def _polls_wait(work: Work) -> SystemOutage | None:
    pollers = _running(work, ProcessKind.POLLER)
    if not work.polls.count or work.polls.age <= (POLL_BEHIND if pollers else POLL_LATE):
        return None
    late = f"{_counted(work.polls.count, 'job')} to poll, the oldest for {work.polls.age:.0f} s"
    if pollers:
        problem = f"polls are behind: {late}; see the log of the poller"
    else:
        problem = f"no poller is running: {late}; start `registrywatcher poller`"
    return SystemOutage(name="poller", problem=problem, since=work.polls.since, explained_by=_BY_STORE)


def _silent(work: Work, kind: ProcessKind) -> SystemOutage | None:
    silent = _not_replaced(work, kind)
    if not silent or not _running(work, kind):
        return None  # if none runs, the work that waits is reported instead
    longest = max(silent, key=lambda each: each.age)
    problem = (
        f"{_named(silent)} sent no heartbeat for {longest.age:.0f} s: frozen, killed, or cut off from Postgres; "
        "check its host, or start another one instead"
    )
    return SystemOutage(name=kind.value, problem=problem, since=longest.at, explained_by=_BY_STORE)


def _not_replaced(work: Work, kind: ProcessKind) -> list[KnownProcess]:
    """The silent processes of the kind, but those for which another one was started since: one for each.

    The other one may be silent by now, and replaced in its turn.
    """
    known = [each for each in work.processes if each.kind is kind]
    started = [each.started for each in known]
    remaining, replaced = [], 0
    for process in sorted((each for each in known if not each.is_running), key=lambda each: each.age):
        if sum(seconds < process.age for seconds in started) > replaced:
            replaced += 1
        else:
            remaining.append(process)
    return remaining


def _stalled(work: Work, kind: ProcessKind) -> SystemOutage | None:
    """Running processes with stalled loops: names all of them, with the problem of the first."""
    stuck = [each for each in _running(work, kind) if any(loop.is_stalled for loop in each.loops)]
    if not stuck:
        return None
    return SystemOutage(
        name=kind.value, problem=f"{_named(stuck)}: {stalled(stuck[0].loops)}", since=None, explained_by=_BY_STORE
    )


def _running(work: Work, kind: ProcessKind) -> list[KnownProcess]:
    return [each for each in work.processes if each.kind is kind and each.is_running]


def _named(processes: Sequence[KnownProcess]) -> str:
    named = ", ".join(str(each) for each in processes[:_NAMED])
    more = len(processes) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def _counted(count: int, one: str, many: str = "") -> str:
    return f"1 {one}" if count == 1 else f"{count}{' or more' if count >= MOST else ''} {many or one + 's'}"
