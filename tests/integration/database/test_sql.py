"""Every SQL statement of the program is understood by Postgres, with the schema that the migrations make."""

import importlib
from pathlib import Path
from types import ModuleType

import asyncpg
import pytest

import app
from app.adapters.postgres.database.pool import Database
from tests.integration.config.test_predecessor import TABLE as PREDECESSORS_TABLE
from tests.integration.database.sql import Statement, Unseen, constants, statements
from tests.integration.statements import execute

ROOT = Path(app.__file__).parent.parent


def modules() -> list[tuple[str, str, ModuleType]]:
    """File, source and module of everything that could send SQL: all code that may have an asyncpg connection."""
    found = []
    for path in sorted((ROOT / "app").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "asyncpg" in source or "app.adapters.postgres" in source or "postgres" in path.parts:
            file = path.relative_to(ROOT)
            found.append((str(file), source, importlib.import_module(".".join(file.with_suffix("").parts))))
    return found


def sent() -> list[Statement]:
    """Every statement that is sent."""
    return sorted({each for file, source, module in modules() for each in statements(file, source, vars(module))})


async def test_every_statement_can_be_prepared(database: Database) -> None:
    await execute(database, PREDECESSORS_TABLE)
    found = sent()
    assert len(found) > 100
    refused = []
    async with database.connection() as connection:
        for each in found:
            try:
                await connection.prepare(each.text)
            except asyncpg.PostgresError as error:
                refused.append(f"{each}: {error}")
    assert not refused, "\n".join(refused)


def test_every_constant_that_is_a_statement_is_sent_or_part_of_one_that_is() -> None:
    texts = [each.text for each in sent()]
    unsent = [
        str(each)
        for file, _, module in modules()
        for each in constants(file, vars(module))
        if not any(each.text.strip() in text for text in texts)
    ]
    assert not unsent


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("async def f(c): await c.fetch('SELECT 1')", ["SELECT 1"]),
        ("async def f(c): await c.fetch(ONE)", ["SELECT 1"]),
        ("async def f(c):\n for each in SOME: await c.execute(each)", ["SELECT 2", "SELECT 3"]),
        ("async def f(c, sql): await c.execute(sql)\nasync def g(c): await f(c, ONE)", ["SELECT 1"]),
        ("async def f(c, key): await c.execute(MANY[key])", ["SELECT 4"]),
    ],
)
def test_a_statement_is_found_however_it_is_named(source: str, found: list[str]) -> None:
    namespace = {"ONE": "SELECT 1", "SOME": ("SELECT 2", "SELECT 3"), "MANY": {"a": "SELECT 4"}}
    assert [each.text for each in statements("a.py", source, namespace)] == found


@pytest.mark.parametrize(
    "source",
    [
        "async def f(c, name): await c.fetch(f'SELECT {name}')",
        "async def f(c):\n sql = make()\n await c.fetch(sql)",
        "async def f(c, sql): await c.fetch(sql)",
    ],
)
def test_a_statement_that_only_the_running_program_knows_is_an_error(source: str) -> None:
    with pytest.raises(Unseen, match=r"a\.py:"):
        list(statements("a.py", source, {}))
