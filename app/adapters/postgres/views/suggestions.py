"""Texts to search for: names of watches and tags that hold what was typed. Bounded work, however many there are."""

from app.adapters.postgres.database.pool import Connection
from app.services.views.board import Suggestion

# Those that begin with it first, then the shorter: what was typed is most of them.
_NAMES = """
SELECT name FROM (SELECT name, strpos(lower(name), lower($1)) AS place FROM watches WHERE present) named
WHERE place > 0 ORDER BY place > 1, length(name), name LIMIT $2
"""

# So many tags are looked through at most, of so many watches as have them: beyond that, how many watches have a tag is
# told of those alone.
_LOOKED_THROUGH = 400_000
_TAGS = f"""
SELECT tag, count(*) AS watches FROM (
  SELECT tag FROM (SELECT unnest(tags) AS tag FROM watches WHERE present LIMIT {_LOOKED_THROUGH}) each
  WHERE strpos(lower(tag COLLATE "C"), lower($1::text COLLATE "C")) > 0) found
GROUP BY tag
ORDER BY strpos(lower(tag COLLATE "C"), lower($1 COLLATE "C")) > 1, count(*) DESC, tag COLLATE "C" DESC LIMIT $2
"""


async def suggestions(connection: Connection, text: str, *, limit: int) -> tuple[Suggestion, ...]:
    """Names, then tags; each kind has half of the places at least, where there are enough."""
    names = await connection.fetch(_NAMES, text, limit)
    tags = await connection.fetch(_TAGS, text, limit)
    kept = names[: max(limit - len(tags), (limit + 1) // 2)]
    return (
        *(Suggestion(text=row["name"], is_tag=False, watches=1) for row in kept),
        *(Suggestion(text=row["tag"], is_tag=True, watches=row["watches"]) for row in tags[: limit - len(kept)]),
    )
