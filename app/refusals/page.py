"""Writes docs/refusals.md from the sentences that the code makes."""

from collections.abc import Iterable, Iterator, Mapping

from app.refusals.api import api
from app.refusals.holds import holds
from app.refusals.nomad import nomad
from app.refusals.outcomes import outcomes
from app.refusals.registries import registries
from app.refusals.row import RefusalRow

_ABOUT = """# Refusals, holds and failures

Every message with which registrywatcher refuses a request, holds a deploy, or reports a failure, with sample values.
Each names the thing, the cause and the fix. The code itself writes this page (`make docs`), and a test compares it with
the code. For faults of the configuration, run `registrywatcher check-config`; it lists them all.
"""

_TITLES = {
    "holds": (
        "Holds",
        "Why nothing is deployed: on the page, and as `decision` of `GET /repos`. Only `up_to_date` needs no fix.",
    ),
    "outcomes": (
        "Outcomes",
        "How a rollout ended: in the notification, on the page, and as `outcome` and `reason` of `GET /rollouts`.",
    ),
    "Nomad": (
        "Nomad",
        "What Nomad refuses, and how an outage is reported: beside the watch as `job_trouble`, as the reason of a "
        "refused rollout, or in the answer of the API (400 for a refusal, else 503).",
    ),
    "registries": (
        "Registries",
        "Beside the watch as `registry_trouble`, or in the answer of the API (503). Other registries are not affected.",
    ),
    "API": ("The API", "The status and the `message`. The commands print the same message and end with exit status 1."),
}


def sections() -> Mapping[str, list[RefusalRow]]:
    """The rows by section, in the order of the page."""
    return {
        "holds": list(holds()),
        "outcomes": list(outcomes()),
        "Nomad": list(nomad()),
        "registries": list(registries()),
        "API": list(api()),
    }


def line(row: RefusalRow, *, named: bool) -> str:
    """The row as a line of the table."""
    cells = [row.when, f"`{row.name}`", _quoted(row.sentence)]
    return f"| {' | '.join(cells if named else [cells[0], cells[2]])} |"


def page(found: Mapping[str, Iterable[RefusalRow]]) -> str:
    """The whole page."""
    return "\n".join([_ABOUT, *(text for name, rows in found.items() for text in _section(name, rows))])


def is_named(section: str) -> bool:
    """Whether the rows of the section have names worth a column."""
    return section not in ("Nomad", "registries")


def _section(name: str, rows: Iterable[RefusalRow]) -> Iterator[str]:
    title, about = _TITLES[name]
    named = is_named(name)
    yield f"## {title}\n\n{about}\n"
    yield "| when | name | it says |\n|---|---|---|" if named else "| when | it says |\n|---|---|"
    yield from (line(row, named=named) for row in rows)
    yield ""


def _quoted(sentence: str) -> str:
    """The message unchanged, escaped for Markdown."""
    return f"<code>{sentence.replace('&', '&amp;').replace('<', '&lt;').replace('|', '&#124;')}</code>"
