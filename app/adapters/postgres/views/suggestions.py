"""Suggestions for a search: names of watches, and tags, that contain the typed text. The work is bounded."""

from app.adapters.postgres.database.pool import Connection
from app.services.views.board import Suggestion

# Names that begin with the text first, then shorter ones: the text is a larger part of them.
_NAMES = """
SELECT name FROM (SELECT name, strpos(lower(name), lower($1)) AS place FROM watches WHERE present) named
WHERE place > 0 ORDER BY place > 1, length(name), name LIMIT $2
"""

# At most this many tags are searched. Beyond it, the counted watches of a tag are only those that were searched.
_SEARCHED_AT_MOST = 400_000
_TAGS = f"""
SELECT tag, count(*) AS watches FROM (
  SELECT tag FROM (SELECT unnest(tags) AS tag FROM watches WHERE present LIMIT {_SEARCHED_AT_MOST}) each
  WHERE strpos(lower(tag COLLATE "C"), lower($1::text COLLATE "C")) > 0) found
GROUP BY tag
ORDER BY strpos(lower(tag COLLATE "C"), lower($1 COLLATE "C")) > 1, count(*) DESC, tag COLLATE "C" DESC LIMIT $2
"""


async def suggestions(connection: Connection, text: str, *, limit: int) -> tuple[Suggestion, ...]:
    """Names, then tags; each kind gets at least half of the places, if it has enough."""
    names = await connection.fetch(_NAMES, text, limit)
    tags = await connection.fetch(_TAGS, text, limit)
    kept = names[: max(limit - len(tags), (limit + 1) // 2)]
    return (
        *(Suggestion(text=row["name"], is_tag=False, watches=1) for row in kept),
        *(Suggestion(text=row["tag"], is_tag=True, watches=row["watches"]) for row in tags[: limit - len(kept)]),
    )
