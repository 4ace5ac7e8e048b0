"""docs/refusals.md, written of the sentences that the code makes."""

from collections.abc import Iterable, Iterator, Mapping

from tests.unit.refusals.api import api
from tests.unit.refusals.holds import holds
from tests.unit.refusals.nomad import nomad
from tests.unit.refusals.outcomes import outcomes
from tests.unit.refusals.registries import registries
from tests.unit.refusals.row import Row

_ABOUT = """# Refusals, holds and failures

Every sentence that registrywatcher says where it does not do what was wanted, or where that went wrong, with sample
values. Each names the thing and the mend. This page is written by the code itself (`make docs`), and a test holds it to
the code. What is wrong with a configuration, `registrywatcher check-config` tells, fault by fault.
"""

_TITLES = {
    "holds": (
        "Holds",
        "Why nothing is deployed: on the page, and as `decision` of `GET /repos`. What is `up_to_date` needs no mend.",
    ),
    "outcomes": (
        "Outcomes",
        "How a rollout ended: in the notification, on the page, and as `outcome` and `reason` of `GET /rollouts`.",
    ),
    "Nomad": (
        "Nomad",
        "What it refuses, and where it does not answer: beside the watch as `job_trouble`, as the reason of a refused "
        "rollout, or in the answer of the API (400 for what is refused, else 503).",
    ),
    "registries": (
        "Registries",
        "Beside the watch as `registry_trouble`, or in the answer of the API (503). The others go on meanwhile.",
    ),
    "API": ("The API", "The status, and the `message`. The commands say the same and end with status 1."),
}


def sections() -> Mapping[str, list[Row]]:
    """The rows by section, in the order of the page."""
    return {
        "holds": list(holds()),
        "outcomes": list(outcomes()),
        "Nomad": list(nomad()),
        "registries": list(registries()),
        "API": list(api()),
    }


def line(row: Row, *, named: bool) -> str:
    """The row as a line of its table."""
    cells = [row.when, f"`{row.name}`", _quoted(row.sentence)]
    return f"| {' | '.join(cells if named else [cells[0], cells[2]])} |"


def page(found: Mapping[str, Iterable[Row]]) -> str:
    """The whole page."""
    return "\n".join([_ABOUT, *(text for name, rows in found.items() for text in _section(name, rows))])


def is_named(section: str) -> bool:
    """Whether the rows of the section have names worth a column."""
    return section not in ("Nomad", "registries")


def _section(name: str, rows: Iterable[Row]) -> Iterator[str]:
    title, about = _TITLES[name]
    named = is_named(name)
    yield f"## {title}\n\n{about}\n"
    yield "| when | name | it says |\n|---|---|---|" if named else "| when | it says |\n|---|---|"
    yield from (line(row, named=named) for row in rows)
    yield ""


def _quoted(sentence: str) -> str:
    """As it is, whatever Markdown would make of it."""
    return f"<code>{sentence.replace('&', '&amp;').replace('<', '&lt;').replace('|', '&#124;')}</code>"
