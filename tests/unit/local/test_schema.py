"""`up` migrates before its processes start; while the database is away they start, and it is tried again."""

import asyncio

import pytest

from app.errors import SchemaMismatch, StoreUnavailable
from app.local.schema import migrated

URL = "postgresql://somewhere/db"


class Database:
    """A database that answers each attempt with the next of `problems`, and then migrates."""

    def __init__(self, *problems: Exception) -> None:
        self.problems = list(problems)
        self.migrated = asyncio.Event()

    async def migrate(self, url: str) -> None:
        assert url == URL
        if self.problems:
            raise self.problems.pop(0)
        self.migrated.set()


async def test_the_database_is_migrated_before_the_processes_start() -> None:
    database, told = Database(), list[str]()
    async with migrated(database.migrate, URL, told.append):
        assert database.migrated.is_set()
    assert told == []


async def test_processes_start_while_the_database_is_away_and_each_problem_is_told_once() -> None:
    away = StoreUnavailable("Postgres is away")
    database, told = Database(away, away, StoreUnavailable("Postgres is full")), list[str]()
    async with migrated(database.migrate, URL, told.append, retry=0.001):
        assert not database.migrated.is_set()
        await database.migrated.wait()
    assert told[:2] == ["Postgres is away", "Postgres is full"]


async def test_an_end_of_the_processes_ends_the_attempts() -> None:
    database = Database(*[StoreUnavailable("Postgres is away")] * 3)
    async with migrated(database.migrate, URL, lambda _: None, retry=3600):
        pass
    assert len(database.problems) == 2


async def test_a_database_that_can_have_no_schema_of_ours_is_refused_at_once() -> None:
    with pytest.raises(SchemaMismatch, match="newer"):
        async with migrated(Database(SchemaMismatch("it is newer")).migrate, URL, lambda _: None):
            raise AssertionError("nothing may start")


async def test_a_refusal_after_an_outage_is_told_and_ends_the_attempts() -> None:
    told, refused = list[str](), asyncio.Event()

    def tell(text: str) -> None:
        told.append(text)
        if text == "it is newer":
            refused.set()

    database = Database(StoreUnavailable("Postgres is away"), SchemaMismatch("it is newer"))
    async with migrated(database.migrate, URL, tell, retry=0.001):
        await refused.wait()
    assert told == ["Postgres is away", "it is newer"]
    assert not database.migrated.is_set()
