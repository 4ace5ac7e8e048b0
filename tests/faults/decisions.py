"""Reads from our own tables what each watch was decided last, to pace tests; whether it was right, the ledgers say."""

from collections.abc import Mapping

import asyncpg

_DECISIONS = """
SELECT name, coalesce(reason, kind) AS reason, coalesce(digest, '') AS digest
FROM watches JOIN decisions USING (decision_id) WHERE present
"""


async def decided(connection: asyncpg.Connection) -> Mapping[str, tuple[str, str]]:
    """(reason, digest) of the newest decision by watch; the reason of a deploy is "deploy"."""
    return {row["name"]: (row["reason"], row["digest"]) for row in await connection.fetch(_DECISIONS)}
