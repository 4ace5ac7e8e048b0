"""The acceptance of deliveries as SQL, generated from the table in app/domain/acceptance.py."""

from app.domain.acceptance import OF_CONTENT, OF_NOTHING, WITH_EVENTS, Acceptance, Content

_NAMES, _WITH_EVENTS = ",".join(sorted(Acceptance)), ",".join(sorted(WITH_EVENTS))

ALL = f"'{{{_NAMES}}}'::text[]"
HOLDING_EVENTS = f"'{{{_WITH_EVENTS}}}'::text[]"


def acceptance(*, odd: str, new: str, known: str) -> str:
    """The SQL expression of a delivery's acceptance; each argument is the SQL condition for that kind of content."""
    conditions = {Content.ODD: odd, Content.NEW: new, Content.KNOWN: known}
    branches = " ".join(f"WHEN {conditions[each]} THEN '{found}'" for each, found in OF_CONTENT.items())
    return f"CASE {branches} ELSE '{OF_NOTHING}' END"
