"""Rows of other versions: JSON with one key more than this version writes, and without each of its keys in turn."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import pytest

from app.adapters.postgres.commands.rollout_commands import PostgresRolloutCommands
from app.adapters.postgres.commands.watch_commands import PostgresWatchCommands
from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database import stored
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.ingest.inbox import PostgresInbox
from app.adapters.postgres.processes.work import read_work
from app.adapters.postgres.reconcile.targets import PostgresTargets
from app.adapters.postgres.rollout.rollouts import PostgresRollouts
from app.adapters.postgres.views.board import PostgresBoard
from app.adapters.postgres.views.queries import PostgresQueries
from app.domain.deployment import DeploymentPhase, DeploymentState, Diagnosis, LogTail
from app.domain.event import Oddity
from app.domain.history import InFlight
from app.domain.job import JobPatch, Submission, TaskChange, TaskKey
from app.domain.reference import Repository
from app.domain.rollout import Returning
from app.domain.watch import JobPlace, Watch
from app.services.processes.loops import LoopState
from app.services.views.board import Search, Situation
from tests.integration.statements import execute

Record = Mapping[str, Any]

APP = Watch(
    name="app",
    registry="main",
    repository=Repository.of("registry.example", "team/app"),
    place=JobPlace(region="", namespace="default", job_id="web"),
    task="server",
)
ROLLOUT, DELIVERY, PROCESS = UUID(int=1), UUID(int=2), UUID(int=3)
DIGEST = "sha256:" + "a" * 64

ROLLOUT_UNDER_WAY = """
INSERT INTO rollouts (rollout_id, target_id, intent, origin, state, expected_index, submission_index, submitted_at,
  progressed_at, follow_at)
SELECT $1, target_id, 1, 'rule', 'submitted', 10, 11, now(), now(), now() FROM watches WHERE name = 'app'
"""
ITEM = (
    "INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced) VALUES ($1, 'app', 'v1.0.0', $2, false)"
)
SENT = "INSERT INTO deliveries (delivery_id, source, size, ignored) VALUES ($1, 'main', 1, 0)"
BEAT = """
INSERT INTO processes (process_id, kind, host, pid, configuration, started_at) VALUES ($1, 'web', 'h', 1, '', now())
"""
DUE = "UPDATE targets SET due_at = now(), lease_until = NULL"
DUE_ROLLOUT = "UPDATE rollouts SET follow_at = now(), lease_until = NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of JSON: a record as this version writes it, around what it is stored, and what a missing key reads as.

    `missing` NOTHING means that without the key there is no value at all.
    """

    table: str
    name: str
    record: Record
    missing: Record
    read: Callable[[Database], Awaitable[Record]]
    around: Callable[[Record], object] = lambda record: [record]


async def specified(database: Database) -> Record:
    view = await PostgresQueries(database).watch("app")
    assert view is not None
    return asdict(view.specified[0])


async def in_flight(database: Database) -> Record:
    claim = await PostgresTargets(database).claim(1, 60.0)
    assert claim is not None
    return asdict(claim.watches[0].in_flight[0])


async def order(database: Database) -> Record:
    claim = await PostgresTargets(database).claim(1, 60.0)
    assert claim is not None
    assert claim.rollout is not None
    assert claim.rollout.patch is not None
    [(key, change)] = claim.rollout.patch.changes.items()
    return {"key": str(key), **asdict(change)}


async def deployment(database: Database) -> Record:
    underway = await PostgresRolloutCommands(database).underway(ROLLOUT)
    assert underway is not None
    return asdict(underway.deployment) if underway.deployment else {}


async def diagnosis(database: Database) -> Record:
    view = await PostgresQueries(database).rollout(ROLLOUT)
    assert view is not None
    assert view.diagnosis is not None
    return asdict(view.diagnosis)


async def log_tail(database: Database) -> Record:
    return (await diagnosis(database))["logs"][0]  # type: ignore[no-any-return]


async def returning(database: Database) -> Record:
    rollout = await PostgresRollouts(database).claim(ROLLOUT, 60.0)
    assert rollout is not None
    found = rollout.course.returning
    assert found is not None
    return {
        "index": found.submission.index,
        "evaluation_id": found.submission.evaluation_id,
        "version": found.version,
        "reason": found.reason,
        "cause": found.cause,
    }


async def loops(database: Database) -> Record:
    async with database.connection() as connection:
        return asdict((await read_work(connection)).processes[0].loops[0])


async def oddity(database: Database) -> Record:
    view = await PostgresInbox(database).read(DELIVERY)
    assert view is not None
    return asdict(view.oddities[0])


SHOWN = {"task": "g/server", "image": "team/app:v1.0.0", "identity": "i", "tag": "v1.0.0", "digest": DIGEST}
LATE = InFlight(index=7, key="g/server", identity="i", digest=DIGEST, tag="v1.0.0")
CHANGE = stored.StoredChange(
    key=TaskKey(group="g", task="server"),
    watch="app",
    identity="i",
    change=TaskChange(image="team/app:v1.0.0", marker="m", force_pull=True),
)
STATE = DeploymentState(
    deployment_id="d",
    phase=DeploymentPhase.FAILED,
    description="failed",
    desired=3,
    placed=3,
    healthy=1,
    unhealthy=2,
    canaries=1,
    awaits_promotion=True,
    paused=True,
    reverted_to=4,
    deadline_passed=True,
)
TAIL = LogTail(task="g/server", allocation_id="a", text="no such table")
FOUND = Diagnosis(findings=("exit code 1",), logs=(TAIL,), logs_denied=True)
BACK = Returning(submission=Submission(index=12, evaluation_id="e"), version=3, reason="it failed", cause="it failed")
LOOP = LoopState(name="sweep", late=9.0, problem="a timeout", is_stalled=True, is_step=True)
ODD = Oddity(where="events[0]", problem="'tag' is a number, not a text")

NOTHING: Record = {"nothing": True}
BLANK_TASK = {"task": "", "image": "", "tag": "", "digest": ""}
NO_DEPLOYMENT = {"phase": "active", "description": "", "desired": 0, "placed": 0, "healthy": 0, "unhealthy": 0}
NO_CANARIES = {"canaries": 0, "awaits_promotion": False, "paused": False, "reverted_to": None, "deadline_passed": False}

COLUMNS = (
    Column(
        table="watches", name="specified", read=specified, missing=BLANK_TASK, record=stored.write_specified([SHOWN])[0]
    ),
    Column(
        table="watches",
        name="in_flight",
        read=in_flight,
        missing={"index": 0, "key": "", "identity": "", "digest": "", "tag": ""},
        record=stored.write_in_flight([LATE])[0],
    ),
    Column(
        table="rollouts",
        name="changes",
        read=order,
        missing={"image": "", "marker": None, "force_pull": False},
        record=stored.write_changes([CHANGE])[0],
    ),
    Column(
        table="rollouts",
        name="deployment",
        read=deployment,
        missing={"deployment_id": NOTHING, **NO_DEPLOYMENT, **NO_CANARIES},
        record=stored.write_deployment(STATE),
        around=lambda record: record,
    ),
    Column(
        table="rollouts",
        name="diagnosis",
        read=diagnosis,
        missing={"findings": (), "logs": (), "logs_denied": False},
        record=stored.write_diagnosis(FOUND),
        around=lambda record: record,
    ),
    Column(
        table="rollouts",
        name="diagnosis",
        read=log_tail,
        missing={"task": "", "allocation_id": "", "text": ""},
        record=asdict(TAIL),
        around=lambda record: {"logs": [record]},
    ),
    Column(
        table="rollouts",
        name="reverting",
        read=returning,
        missing={"index": 0, "evaluation_id": "", "version": 0, "reason": "", "cause": ""},
        record=stored.write_returning(BACK),
        around=lambda record: record,
    ),
    Column(
        table="processes",
        name="loops",
        read=loops,
        missing={"name": "", "late": 0.0, "problem": "", "is_stalled": False, "is_step": False},
        record=stored.write_loops([LOOP])[0],
    ),
    Column(
        table="deliveries",
        name="oddities",
        read=oddity,
        missing={"where": "", "problem": ""},
        record=stored.write_oddities([ODD])[0],
    ),
)
# No reader above gives them back: a registration alone needs to know which watch a change is of, and which image it
# names.
ONLY_REGISTRATIONS_READ = {"changes": {"watch", "identity"}, "specified": {"identity"}}
WRITTEN_TWICE = {"changes": {"key", "group", "task"}}


@pytest.fixture
async def rows(database: Database) -> Database:
    """One row of each table that holds JSON."""
    await PostgresWatches(database).sync([APP], at_start=False)
    await execute(database, ROLLOUT_UNDER_WAY, ROLLOUT)
    await execute(database, ITEM, ROLLOUT, DIGEST)
    await execute(database, SENT, DELIVERY)
    await execute(database, BEAT, PROCESS)
    return database


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: f"{column.table}.{column.name}.{column.read.__name__}")
async def test_a_row_of_another_version_is_read_by_name_with_defaults(rows: Database, column: Column) -> None:
    whole = await read(rows, column, column.record)

    assert await read(rows, column, {**column.record, "of_a_later_version": {"any": ["thing"]}}) == whole
    for key in column.record:
        found = await read(rows, column, {each: value for each, value in column.record.items() if each != key})
        assert found == expected(column, whole, key), f"without {key}"


@pytest.mark.parametrize("missing", ["", *SHOWN])
async def test_a_registration_is_recorded_over_tasks_of_another_version(rows: Database, missing: str) -> None:
    task = {key: value for key, value in {**SHOWN, "later": {"any": 1}}.items() if key != missing}
    await execute(rows, "UPDATE watches SET specified = $1", [task])
    await execute(
        rows,
        "UPDATE rollouts SET submission_index = NULL, submitted_at = NULL, state = 'requested', changes = $1",
        stored.write_changes([CHANGE]),
    )
    await execute(rows, DUE)
    store = PostgresTargets(rows)
    claim = await store.claim(1, 60.0)
    assert claim is not None

    await store.submitted(
        claim,
        ROLLOUT,
        JobPatch(changes={CHANGE.key: CHANGE.change}, expected_index=10),
        Submission(index=11, evaluation_id="e"),
    )

    await execute(rows, DUE)
    found = await store.claim(1, 60.0)
    assert found is not None
    history = found.watches[0].history
    assert history.expected == {"g/server": "i"} | ({"": "i"} if missing == "task" else {})
    assert history.digests == {"i": DIGEST}
    assert history.tags == {DIGEST: "v1.0.0"} | ({"": "v1.0.0"} if missing == "digest" else {})


def expected(column: Column, whole: Record, key: str) -> Record:
    """What is read without the key."""
    if key in ONLY_REGISTRATIONS_READ.get(column.name, ()) or key in WRITTEN_TWICE.get(column.name, ()):
        return whole
    return {} if column.missing[key] is NOTHING else {**whole, key: column.missing[key]}


async def read(database: Database, column: Column, record: Record) -> Record:
    """Store the record in the column's only row; every door answers, and the column's own gives its value back."""
    await execute(database, f"UPDATE {column.table} SET {column.name} = $1", column.around(record))
    await execute(database, DUE)
    await execute(database, DUE_ROLLOUT)
    found = await column.read(database)
    await execute(database, DUE)
    await execute(database, DUE_ROLLOUT)
    assert await every_door(database)
    return found


async def every_door(database: Database) -> Situation:
    """Ask each store that reads one of the rows."""
    board = PostgresBoard(database)
    assert await PostgresQueries(database).watches()
    assert await PostgresQueries(database).rollout(ROLLOUT)
    assert await PostgresTargets(database).claim(1, 60.0)
    assert await PostgresRollouts(database).claim(ROLLOUT, 60.0)
    assert await PostgresWatchCommands(database).find("app")
    assert await PostgresRolloutCommands(database).revertible(ROLLOUT)
    assert await PostgresInbox(database).read(DELIVERY)
    assert (await board.listing(Search(), offset=0, limit=9)).watches
    assert await board.rollouts_of("app", limit=1)
    assert (await board.deliveries(source="", acceptance=None, before=None, limit=9)).deliveries
    return await board.situation()
