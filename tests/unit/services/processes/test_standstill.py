"""Given rows of work and processes, then each thing without progress is one sentence with its fix."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.services.processes.loops import LoopState
from app.services.processes.presence import ProcessKind
from app.services.processes.standstill import KnownProcess, WaitingWork, Work, standstill

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STANDS = LoopState(name="poll", late=9.0, problem="locked", is_stalled=True)


def process(
    kind: ProcessKind, *, age: float = 1.0, pid: int = 7, started: float = 900.0, loops: tuple[LoopState, ...] = ()
) -> KnownProcess:
    at = NOW - timedelta(seconds=age)
    return KnownProcess(kind=kind, host="h", pid=pid, age=age, at=at, started=started, loops=loops)


def waiting(age: float, count: int = 8) -> WaitingWork:
    return WaitingWork(count=count, age=age, since=NOW - timedelta(seconds=age))


WEB, WORKER, POLLER = (process(kind) for kind in ProcessKind)
ALL = (WEB, WORKER, POLLER)


def sentences(**facts: Any) -> list[tuple[str, str]]:
    return [(each.name, each.problem) for each in standstill(Work(**facts))]


def test_all_is_well() -> None:
    assert sentences(processes=ALL) == []
    assert (
        sentences(processes=ALL, jobs=waiting(7.9), rollouts=waiting(7.9), pushes=waiting(7.9), polls=waiting(14)) == []
    )


@pytest.mark.parametrize(
    ("facts", "name", "message"),
    [
        (
            {"processes": (WEB, POLLER), "jobs": waiting(2.4)},
            "worker",
            "no worker is running: 8 jobs due, the oldest for 2 s; start `registrywatcher worker`",
        ),
        (
            {"processes": (WEB, POLLER), "jobs": waiting(3, 1), "rollouts": waiting(5, 2)},
            "worker",
            "no worker is running: 1 job and 2 rollouts due, the oldest for 5 s; start `registrywatcher worker`",
        ),
        (
            {"processes": (*ALL, WORKER), "jobs": waiting(9)},
            "worker",
            "work is behind: 8 jobs due, the oldest for 9 s, with 2 workers running; "
            "see the log of the workers, or start more of them",
        ),
        (
            {"processes": ALL, "pushes": waiting(8.4, 1)},
            "pushes",
            "1 push without an answer, the oldest for 8 s, and no check is planned: check the repositories, "
            "and see the log of the workers",
        ),
        (
            {"processes": (WEB, WORKER), "polls": waiting(6)},
            "poller",
            "no poller is running: 8 jobs to poll, the oldest for 6 s; start `registrywatcher poller`",
        ),
        (
            {"processes": ALL, "polls": waiting(16)},
            "poller",
            "polls are behind: 8 jobs to poll, the oldest for 16 s; see the log of the poller",
        ),
        (
            {
                "processes": (
                    *ALL,
                    process(ProcessKind.WORKER, age=7, pid=9),
                    process(ProcessKind.WORKER, age=12, pid=8),
                )
            },
            "worker",
            "process 9 on h, process 8 on h sent no heartbeat for 12 s: frozen, killed, or cut off from Postgres; "
            "check its host, or start another one instead",
        ),
        (
            {"processes": (WEB, WORKER, process(ProcessKind.POLLER, loops=(STANDS,)))},
            "poller",
            "process 7 on h: loop poll stalled for 9 s: locked",
        ),
    ],
)
def test_a_cause_is_one_sentence(facts: dict[str, object], name: str, message: str) -> None:
    assert sentences(**facts) == [(name, message)]


def test_since_is_when_the_oldest_fell_due() -> None:
    (outages,) = standstill(Work(processes=(WEB,), jobs=waiting(3), rollouts=waiting(9)))
    assert outages.since == NOW - timedelta(seconds=9)


def test_many_processes_are_named_by_the_first_and_a_number() -> None:
    silent = tuple(process(ProcessKind.WORKER, age=8, pid=pid) for pid in range(10))
    ((_, problem),) = sentences(processes=(*ALL, *silent))
    assert "process 0 on h, process 1 on h, process 2 on h and 7 more" in problem


@pytest.mark.parametrize(
    ("started", "named"),
    [
        ((), "process 1 on h, process 2 on h sent"),
        ((900.0, 21.0), "process 1 on h, process 2 on h sent"),
        ((19.0,), "process 1 on h sent"),
        ((9.0,), "process 2 on h sent"),
        ((9.0, 5.0), ""),
        ((19.0, 18.0), "process 1 on h sent"),
        ((20.0, 10.0), "process 1 on h sent"),
    ],
)
def test_a_silent_process_is_replaced_by_one_that_started_since(started: tuple[float, ...], named: str) -> None:
    """One for one, so that a worker that freezes beside others is named, also when more are started later."""
    silent = (process(ProcessKind.WORKER, age=10, pid=1), process(ProcessKind.WORKER, age=20, pid=2))
    newer = tuple(process(ProcessKind.WORKER, started=seconds) for seconds in started)
    found = sentences(processes=(*ALL, *silent, *newer, process(ProcessKind.WEB, started=1.0)))
    assert [(name, problem.startswith(named)) for name, problem in found] == ([("worker", True)] if named else [])


def test_one_that_replaced_another_is_replaced_in_its_turn() -> None:
    silent = (process(ProcessKind.WEB, age=40, pid=1), process(ProcessKind.WEB, age=20, pid=2, started=39))
    assert sentences(processes=(*ALL, *silent, process(ProcessKind.WEB, started=19))) == []
    ((_, problem),) = sentences(processes=(*ALL, *silent))
    assert problem.startswith("process 2 on h sent")


def test_silent_workers_are_no_second_sentence_where_none_is_left() -> None:
    silent = process(ProcessKind.WORKER, age=9)
    assert sentences(processes=(WEB, silent)) == []
    assert [name for name, _ in sentences(processes=(WEB, silent), jobs=waiting(3))] == ["worker"]


def test_without_any_process_nothing_is_reported() -> None:
    """As when Postgres takes no writes: the reader's own beat shows that."""
    stale = tuple(replace(each, age=20.0) for each in ALL)
    assert sentences(processes=stale, jobs=waiting(30), polls=waiting(30)) == []
    assert sentences(jobs=waiting(30)) == []


def test_many_are_not_counted_to_the_end() -> None:
    assert "100 or more jobs due, the oldest for 3 s" in sentences(processes=(WEB,), jobs=waiting(3, 100))[0][1]
