"""Access to the tables: for a state that the stores reach slowly, or never show."""

from dataclasses import dataclass
from typing import Any

from app.adapters.postgres.database.pool import Database


@dataclass(frozen=True)
class Tables:
    """The tables of a line's database. Each method of the subclasses documents what it reads or changes."""

    database: Database

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        async with self.database.connection() as connection:
            return list(await connection.fetch(statement, *values))

    async def value(self, statement: str, *values: Any) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchval(statement, *values)

    async def execute(self, statement: str, *values: Any) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statement, *values)
