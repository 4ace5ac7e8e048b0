"""Finds the watches of a page, by index, or by the terms of a search. It returns only their names.

The order and the conditions of watches are those of app/domain/condition.py: its tables generate the statements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.adapters.postgres.database.pool import Connection
from app.domain.condition import OF_DECISION, OF_SIGN, RANKS, Condition, Sign
from app.services.views.board import Search

_DECISIONS = [str(each) for each in OF_DECISION]
_DECISION_RANKS = [RANKS[each] for each in OF_DECISION.values()]
_RANK = {each: RANKS[found] for each, found in OF_SIGN.items()}

# Watches with a sign, which ranks before the last decision. They are usually few: `OFFSET 0` makes Postgres read each
# by an index instead of hashing all watches.
_SPECIAL = f"""
named AS (SELECT * FROM unnest($1::text[], $2::integer[]) AS named (hold, rank)),
special AS MATERIALIZED (
  SELECT name, position, hold, min(rank) AS rank FROM (
    SELECT name, position, hold, least(CASE WHEN outage <> '' THEN {_RANK[Sign.OUTAGE]} END,
      CASE WHEN missing_image <> '' THEN {_RANK[Sign.MISSING_IMAGE]} END) AS rank
    FROM watches WHERE present AND (outage <> '' OR missing_image <> '')
    UNION ALL
    SELECT w.name, w.position, w.hold, {_RANK[Sign.OUTAGE]}
    FROM targets t CROSS JOIN LATERAL (SELECT * FROM watches w WHERE w.target_id = t.target_id AND w.present OFFSET 0) w
    WHERE t.outage <> ''
    UNION ALL
    SELECT w.name, w.position, w.hold,
      CASE WHEN r.deployment ->> 'deployment_id' <> '' AND r.deployment @> '{{"awaits_promotion": true}}'
      THEN {min(_RANK[Sign.AWAITS_PROMOTION], _RANK[Sign.UNDERWAY])} ELSE {_RANK[Sign.UNDERWAY]} END
    FROM rollouts r
    CROSS JOIN LATERAL (SELECT * FROM rollout_watches rw WHERE rw.rollout_id = r.rollout_id OFFSET 0) rw
    CROSS JOIN LATERAL (SELECT * FROM watches w WHERE w.name = rw.watch_name AND w.present OFFSET 0) w
    WHERE r.ended_at IS NULL AND rw.requested_at = (
      SELECT max(requested_at) FROM rollout_watches newest WHERE newest.watch_name = rw.watch_name)
  ) found GROUP BY name, position, hold)
"""

# Merges the first watches of each decision. It reads no more than can be on the page, and nothing of the decisions that
# rank after the page.
_PAGE = f"""
WITH {_SPECIAL}, counted AS (
  SELECT rank, sum(n)::integer AS n FROM (
    SELECT rank, (SELECT count(*) FROM watches w WHERE w.present AND w.hold = named.hold) AS n FROM named
    UNION ALL SELECT named.rank, -count(*) FROM special JOIN named USING (hold) GROUP BY named.rank
    UNION ALL SELECT rank, count(*) FROM special GROUP BY rank) each GROUP BY rank),
page AS (
  SELECT rank, position, name FROM (
    SELECT named.rank, first.position, first.name FROM named CROSS JOIN LATERAL (
      SELECT position, name FROM watches w
      WHERE w.present AND w.hold = named.hold AND w.name NOT IN (SELECT name FROM special)
      ORDER BY position, name LIMIT $4::bigint + $5::bigint) first
    WHERE named.rank = ANY($3::integer[]) AND $4 + $5 > (
      SELECT coalesce(sum(n), 0) FROM counted WHERE counted.rank < named.rank AND counted.rank = ANY($3))
    UNION ALL SELECT rank, position, name FROM special WHERE rank = ANY($3)) each
  ORDER BY rank, position, name OFFSET $4 LIMIT $5)
SELECT array(SELECT name FROM page ORDER BY rank, position, name) AS names,
  (SELECT coalesce(jsonb_object_agg(rank, n), '{{}}') FROM counted) AS counts
"""

# Everything but names is ASCII, whose lower case is cheapest. Tags are searched only for a term that nothing else
# contains. `strpos` has no special characters; those of JSON are not in any tag.
_OWN = """
concat_ws(chr(10), lower(w.name), lower(concat_ws(chr(10), w.repository_host || '/' || w.repository_path, w.desired_tag,
  w.pinned_tag, CASE WHEN jsonb_array_length(w.specified) < 2 THEN w.specified #>> '{0,tag}'
    ELSE translate(jsonb_path_query_array(w.specified, '$[*].tag')::text, '[]", ', repeat(chr(10), 5)) END)
  COLLATE "C"))
"""
_TERMS = """unnest((SELECT array_agg(lower(each)) FROM unnest({terms}::text[]) each)) term"""
_IN = 'strpos({text}, term COLLATE "C") > 0'

_FOUND = f"""
WITH {_SPECIAL}, found AS MATERIALIZED (
  SELECT w.name, w.position, coalesce(s.rank, named.rank) AS rank
  FROM watches w
  JOIN named USING (hold)
  LEFT JOIN special s ON s.name = w.name
  CROSS JOIN LATERAL (SELECT {_OWN} AS own OFFSET 0) mine
  CROSS JOIN LATERAL (
    SELECT CASE WHEN (SELECT bool_and({_IN.format(text="mine.own")}) FROM {_TERMS.format(terms="$6")}) THEN NULL
      ELSE lower(array_to_string(w.tags, chr(10)) COLLATE "C") END AS tags OFFSET 0) theirs
  WHERE w.present AND (theirs.tags IS NULL OR (
    SELECT bool_and({_IN.format(text="mine.own")} OR {_IN.format(text="theirs.tags")})
    FROM {_TERMS.format(terms="$6")})))
SELECT array(SELECT name FROM found WHERE rank = ANY($3::integer[])
    ORDER BY rank, position, name OFFSET $4 LIMIT $5) AS names,
  (SELECT coalesce(jsonb_object_agg(rank, n), '{{}}') FROM (SELECT rank, count(*) AS n FROM found GROUP BY rank) each)
    AS counts,
  (SELECT count(*) FROM watches WHERE present) AS total
"""

# For the page's watches only: the tag that contains most of the terms that nothing else of the watch contains.
_MATCHED = f"""
SELECT w.name, matched.tag FROM watches w
CROSS JOIN LATERAL (SELECT {_OWN} AS own OFFSET 0) mine
CROSS JOIN LATERAL (
  SELECT tag FROM unnest(w.tags) WITH ORDINALITY AS numbered (tag, number), {_TERMS.format(terms="$2")}
  WHERE NOT {_IN.format(text="mine.own")} AND {_IN.format(text='lower(tag COLLATE "C")')}
  GROUP BY tag, number ORDER BY count(*) DESC, number LIMIT 1) matched
WHERE w.name = ANY($1)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names of a page's watches, the count of all watches and of each condition, and tags that contain terms."""

    names: Sequence[str]
    total: int
    counts: Mapping[Condition, int]
    matched_tags: Mapping[str, str] = field(default_factory=dict)


async def find(connection: Connection, search: Search, *, offset: int, limit: int) -> Names:
    """The page's watches: in one statement, or in two with a search."""
    desired = [RANKS[each] for each in search.conditions or Condition]
    values = (_DECISIONS, _DECISION_RANKS, desired, offset, limit)
    if not search.terms:
        row = await connection.fetchrow(_PAGE, *values)
        counts = _counts(row["counts"])
        return Names(names=row["names"], total=sum(counts.values()), counts=counts)
    row = await connection.fetchrow(_FOUND, *values, list(search.terms))
    matched = await connection.fetch(_MATCHED, row["names"], list(search.terms))
    return Names(
        names=row["names"],
        total=row["total"],
        counts=_counts(row["counts"]),
        matched_tags={each["name"]: each["tag"] for each in matched},
    )


def _counts(by_rank: Mapping[str, int]) -> Mapping[Condition, int]:
    return {each: by_rank.get(str(rank), 0) for each, rank in RANKS.items()}
