"""The acceptance of deliveries as SQL, made from the table in app/domain/acceptance.py."""

from app.domain.acceptance import OF_CONTENT, OF_NOTHING, WITH_EVENTS, Acceptance, Content

_NAMES, _WITH_EVENTS = ",".join(sorted(Acceptance)), ",".join(sorted(WITH_EVENTS))

ALL = f"'{{{_NAMES}}}'::text[]"
HOLDING_EVENTS = f"'{{{_WITH_EVENTS}}}'::text[]"


def acceptance(*, odd: str, new: str, known: str) -> str:
    """The expression that has a delivery's acceptance; each argument is an SQL condition: whether it holds this."""
    conditions = {Content.ODD: odd, Content.NEW: new, Content.KNOWN: known}
    branches = " ".join(f"WHEN {conditions[each]} THEN '{found}'" for each, found in OF_CONTENT.items())
    return f"CASE {branches} ELSE '{OF_NOTHING}' END"
