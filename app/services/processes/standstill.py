"""Whether work moves: what to tell of work that waits too long, and of processes that are silent. Pure.

One sentence for a cause, which names the thing, the cause and the fix. It must not know how the facts are found out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.services.processes.loops import LoopState, standing
from app.services.processes.presence import ProcessKind
from app.services.views.queries import SystemOutage

SEEN_WITHIN = 6.0  # seconds, three beats, within which a process counts as there
UNATTENDED = 2.0  # seconds that work may be due while nobody is there to do it
BEHIND = 8.0  # seconds that work may be due while somebody is
POLL_LATE = 5.0  # seconds that polls may be due while no poller is there
POLL_BEHIND = 15.0  # seconds that polls may be due while one is
MOST = 100  # rows of a kind that are counted
_NAMED = 3  # processes that a sentence names


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingWork:
    """Rows that are due and that nobody works on: how many (MOST at most), how old the oldest is, in seconds, and since
    when it is due."""

    count: int = 0
    age: float = 0.0
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProcess:
    """A process as its row tells: `age` is how many seconds ago it was seen last, at `at`."""

    kind: ProcessKind
    host: str
    pid: int
    age: float
    at: datetime
    loops: tuple[LoopState, ...] = ()

    @property
    def is_there(self) -> bool:
        """Whether it was seen just now."""
        return self.age <= SEEN_WITHIN

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the store tells of the work; all ages are by its clock.

    `jobs` and `rollouts` are due and not leased. `pushes` are events without an answer for which no pass is planned:
    one that waits for a late tag, or for a registry, has a pass ahead. `polls` are jobs whose poll time has come.
    """

    jobs: WaitingWork = WaitingWork()
    rollouts: WaitingWork = WaitingWork()
    pushes: WaitingWork = WaitingWork()
    polls: WaitingWork = WaitingWork()
    processes: tuple[KnownProcess, ...] = ()


def standstill(work: Work) -> tuple[SystemOutage, ...]:
    """What does not move, and why. Where no process at all was seen, the store cannot be written: that is told by
    whoever finds it out, and nothing is known of the others."""
    if not any(each.is_there for each in work.processes):
        return ()
    return tuple(
        found
        for found in (
            _unworked(work),
            _lost(work),
            _unpolled(work),
            *(_silent(work, kind) for kind in ProcessKind),
            *(_standing(work, kind) for kind in ProcessKind),
        )
        if found is not None
    )


def _unworked(work: Work) -> SystemOutage | None:
    waiting = [(each, name) for each, name in ((work.jobs, "job"), (work.rollouts, "rollout")) if each.count]
    if not waiting:
        return None
    oldest = max((each for each, _ in waiting), key=lambda each: each.age)
    what = " and ".join(_counted(each.count, name) for each, name in waiting)
    workers = _there(work, ProcessKind.WORKER)
    if not workers and oldest.age > UNATTENDED:
        problem = f"no worker is running: {what} due, the oldest for {oldest.age:.0f} s; start `registrywatcher worker`"
    elif workers and oldest.age > BEHIND:
        problem = (
            f"work is behind: {what} due, the oldest for {oldest.age:.0f} s, with {_counted(len(workers), 'worker')} "
            "running; look at the log of the workers, or start more of them"
        )
    else:
        return None
    return SystemOutage(name="worker", problem=problem, since=oldest.since)


def _lost(work: Work) -> SystemOutage | None:
    if not work.pushes.count or work.pushes.age <= BEHIND:
        return None
    what = f"{_counted(work.pushes.count, 'push', 'pushes')} without an answer, the oldest for {work.pushes.age:.0f} s"
    problem = f"{what}, and no look is planned: check the repositories, and look at the log of the workers"
    return SystemOutage(name="pushes", problem=problem, since=work.pushes.since)


def _unpolled(work: Work) -> SystemOutage | None:
    pollers = _there(work, ProcessKind.POLLER)
    if not work.polls.count or work.polls.age <= (POLL_BEHIND if pollers else POLL_LATE):
        return None
    late = f"{_counted(work.polls.count, 'job')} to poll, the oldest for {work.polls.age:.0f} s"
    if pollers:
        problem = f"polls are behind: {late}; look at the log of the poller"
    else:
        problem = f"no poller is running: {late}; start `registrywatcher poller`"
    return SystemOutage(name="poller", problem=problem, since=work.polls.since)


def _silent(work: Work, kind: ProcessKind) -> SystemOutage | None:
    silent = [each for each in work.processes if each.kind is kind and not each.is_there]
    if not silent or not _there(work, kind):
        return None  # where none is left, what is missed is told by the work that waits
    longest = max(silent, key=lambda each: each.age)
    problem = (
        f"not seen for {longest.age:.0f} s: {_named(silent)}; frozen, killed, or cut off from Postgres: look at its "
        "host, or wait a minute if it was replaced"
    )
    return SystemOutage(name=kind.value, problem=problem, since=longest.at)


def _standing(work: Work, kind: ProcessKind) -> SystemOutage | None:
    """Processes that are there, and whose loops are not: all that have it, with the reason of the first."""
    stand = [each for each in _there(work, kind) if any(loop.is_stalled for loop in each.loops)]
    if not stand:
        return None
    return SystemOutage(name=kind.value, problem=f"{_named(stand)}: {standing(stand[0].loops)}", since=None)


def _there(work: Work, kind: ProcessKind) -> list[KnownProcess]:
    return [each for each in work.processes if each.kind is kind and each.is_there]


def _named(processes: Sequence[KnownProcess]) -> str:
    named = ", ".join(str(each) for each in processes[:_NAMED])
    more = len(processes) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def _counted(count: int, one: str, many: str = "") -> str:
    return f"1 {one}" if count == 1 else f"{count}{' or more' if count >= MOST else ''} {many or one + 's'}"
