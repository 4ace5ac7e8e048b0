"""Every link of a document leads to a file of this repository, and to a heading of it."""

import re
from pathlib import Path

import pytest

from tests.unit.packaging.documents import DOCUMENTS, ROOT, read

_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def prose(path: Path) -> str:
    """A document without its fenced blocks."""
    return _FENCED.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """The headings of a document, as GitHub makes anchors of them."""
    titles = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name: str) -> None:
    here = ROOT / name
    dead = []
    for target in re.findall(r"\]\(([^)]+)\)", prose(here)):
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (here.parent / file).resolve() if file else here
        if not path.is_relative_to(ROOT) or not path.is_file() or (anchor and anchor not in anchors(path)):
            dead.append(target)
    assert dead == []


def test_every_document_can_be_reached_from_the_readme() -> None:
    linked = set(re.findall(r"\]\((docs/\w+\.md)", read("README.md")))
    assert linked == {name for name in DOCUMENTS if name.startswith("docs/")}
