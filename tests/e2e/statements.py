"""The SQL of the end-to-end tests."""

import asyncpg

# The Go service's table, with rows for the two repositories of the file and for one that is no longer watched.
_PREDECESSORS_TABLE = """
CREATE TABLE IF NOT EXISTS deployed_repository_version (
  repository_name character varying NOT NULL PRIMARY KEY UNIQUE,
  pinned_tag character varying NOT NULL,
  auto_deploy boolean NOT NULL default true
);
INSERT INTO deployed_repository_version VALUES
    ('billing-api', '', false), ('storefront', 'v1.0.0', true), ('retired', 'v9', true);
"""


async def create_predecessors_table(url: str) -> None:
    """Create the Go service's table with its rules."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_PREDECESSORS_TABLE)
    finally:
        await connection.close()


async def watch_count(url: str) -> int:
    """The number of watches in a database."""
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM watches"))
    finally:
        await connection.close()
