"""Given the table of processes, when they beat, leave, or fall silent, then rows say so by the clock of Postgres."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.processes.presence import FORGOTTEN, PostgresPresences
from app.services.processes.loops import LoopState
from app.services.processes.presence import Heartbeat, ProcessKind

LOOPS = (LoopState(name="sweep", late=7.5, problem="its \0 words", is_stalled=True),)


@pytest.fixture
def presences(database: Database) -> PostgresPresences:
    return PostgresPresences(database)


def beat(process_id: UUID | None = None) -> Heartbeat:
    return Heartbeat(
        process_id=process_id or uuid4(),
        kind=ProcessKind.WORKER,
        host="host-1",
        pid=17,
        age=60.0,
        loops=LOOPS,
        configuration="first",
    )


async def rows(database: Database) -> list[Any]:
    async with database.connection() as connection:
        return list(
            await connection.fetch(
                "SELECT *, extract(epoch FROM beat_at - started_at) AS ran, beat_at <> configuration_since AS kept "
                "FROM processes ORDER BY started_at"
            )
        )


async def test_a_beat_writes_one_row(database: Database, presences: PostgresPresences) -> None:
    first = beat()
    await presences.beat(first)
    (row,) = await rows(database)
    assert (row["process_id"], row["kind"], row["host"], row["pid"]) == (first.process_id, "worker", "host-1", 17)
    assert row["loops"] == [
        {"name": "sweep", "late": 7.5, "is_stalled": True, "is_step": False, "problem": "its  words"}
    ]
    assert 60 <= row["ran"] < 120
    await presences.beat(replace(first, loops=()))
    (again,) = await rows(database)
    assert again["beat_at"] > row["beat_at"]
    assert again["started_at"] == row["started_at"]
    assert again["configuration_since"] == row["configuration_since"]
    assert again["loops"] == []


async def test_a_configuration_is_dated_when_it_changes(database: Database, presences: PostgresPresences) -> None:
    first = beat()
    await presences.beat(first)
    (row,) = await rows(database)
    await presences.beat(replace(first, configuration="second"))
    (again,) = await rows(database)
    assert again["configuration"] == "second"
    assert again["configuration_since"] > row["configuration_since"]


async def test_a_process_leaves(database: Database, presences: PostgresPresences) -> None:
    first, second = beat(), beat()
    await presences.beat(first)
    await presences.beat(second)
    await presences.leave(first.process_id)
    assert [row["process_id"] for row in await rows(database)] == [second.process_id]


async def test_who_was_not_seen_for_long_is_forgotten_but_not_by_itself(
    database: Database, presences: PostgresPresences
) -> None:
    old, young, locked = beat(), beat(), beat()
    for each in (old, young, locked):
        await presences.beat(each)
    async with database.transaction() as frozen:
        await frozen.execute(
            "UPDATE processes SET beat_at = beat_at - make_interval(secs => $1) WHERE process_id = $2",
            FORGOTTEN + 1,
            locked.process_id,
        )
        async with database.connection() as connection:
            await connection.execute(
                "UPDATE processes SET beat_at = beat_at - make_interval(secs => $1) WHERE process_id <> $2",
                FORGOTTEN + 1,
                locked.process_id,
            )
        await presences.beat(young)  # does not wait for the row that a frozen session holds
        assert {row["process_id"] for row in await rows(database)} == {young.process_id, locked.process_id}
    await presences.beat(young)
    assert {row["process_id"] for row in await rows(database)} == {young.process_id}
