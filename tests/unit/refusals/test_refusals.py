"""Every refusal, hold and failure names the thing and the fix, and is documented with the same text."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.nomad import refusals
from app.domain.decision import HoldReason
from app.domain.rollout import OutcomeKind
from app.refusals.page import is_named, line, page, sections
from app.refusals.row import RefusalRow
from tests.unit.packaging.documents import ROOT, read

SECTIONS = sections()
ROWS = [(name, row) for name, rows in SECTIONS.items() for row in rows]
NO_FIX = {"up_to_date", "succeeded", "effective_at_next_launch", "superseded", "stopped"}
# What a person does about it, or what happens by itself.
INSTRUCTION = re.compile(
    r"^(add|an operator|ask|change|check|configure|correct|create|deploy|docker, podman|enable|give|letters|look|name"
    r"|choose|open|reload|POST|GET|push|put|raise|register|release|remove|resume|run|say|see|send|set|split|stop|take|use|wait|watch|write)\b"
    r"|\b(again|anew|by itself|elect a leader|something else at|decides by|(a newer|an) image|a manual deploy"
    r"|when it is switched on)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize(("section", "row"), ROWS, ids=[f"{name}: {row.when}" for name, row in ROWS])
def test_a_refusal_names_the_thing_and_the_fix_and_is_documented(section: str, row: RefusalRow) -> None:
    assert row.thing
    assert row.thing in row.sentence
    assert row.fix in row.sentence
    if row.fix:
        assert INSTRUCTION.search(row.fix)
        assert not row.sentence.startswith(row.fix) or row.thing in row.fix
    else:
        assert row.name in NO_FIX
    assert line(row, named=is_named(section)) in read("docs/refusals.md").splitlines()


def test_the_page_is_what_the_code_says() -> None:
    assert read("docs/refusals.md") == page(SECTIONS), "write it anew: make docs"


def test_every_reason_and_outcome_is_there() -> None:
    reasons = {reason.value for reason in HoldReason}
    assert {row.name for row in SECTIONS["holds"]} == reasons, "app/refusals/holds.py: a row for each HoldReason"
    assert {row.name for row in SECTIONS["outcomes"]} == {kind.value for kind in OutcomeKind}


def test_every_sentence_about_nomad_is_there() -> None:
    """By the longest text that a function always says."""
    documented = " ".join(row.sentence for row in SECTIONS["Nomad"])
    assert set(vars(refusals)) >= NOT_SENTENCES, "a function was renamed"
    for name, function in vars(refusals).items():
        if inspect.isfunction(function) and function.__module__ == refusals.__name__ and name not in NOT_SENTENCES:
            texts = list(constants(ast.parse(inspect.getsource(function))))
            assert max(texts, key=len) in documented, name


NOT_SENTENCES = {"name_of", "silent", "unavailable", "_fix", "_later", "_sentence"}


def test_every_refusal_of_the_api_is_there() -> None:
    documented = " ".join(row.sentence for row in SECTIONS["API"])
    missing = [text for file in refusing() for text in refused(file) if text not in documented]
    assert missing == RARE


# What the web has refused before, in the same words, and a body that never comes whole.
RARE = [
    "Either pinned_tag or auto_deploy must be specified: send one of them, or both",
    " did not arrive within ",
]


def refusing() -> Iterator[Path]:
    """The modules that refuse people."""
    for folder in ("app/services", "app/web"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def refused(file: Path) -> Iterator[str]:
    """The longest fixed text of each refusal."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Rejected", "_refused") and node.args:
            texts = list(constants(node.args[0]))
            if texts:
                yield max(texts, key=len)


def constants(node: ast.AST) -> Iterator[str]:
    """The texts that stand in the source, without docstrings."""
    docstrings = {
        id(each.body[0].value)
        for each in ast.walk(node)
        if isinstance(each, ast.FunctionDef) and isinstance(each.body[0], ast.Expr)
    }
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and id(each) not in docstrings:
            yield each.value
