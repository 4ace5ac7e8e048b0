"""docs/nomad.md: each section gives a public source, and each comment that cites the page names a section of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/nomad.md").read_text()
SECTIONS = {int(number): text for number, text in re.findall(r"(?ms)^## (\d+)\. (.*?)(?=^## |\Z)", PAGE)}
CITED = re.compile(r"docs/nomad\.md(?:,\s+sections?\s+(\d+)(?:\s+and\s+(\d+))?)?")


def citations() -> Iterator[tuple[str, str]]:
    """The file and the section of every citation; "" if it names no section."""
    for folder in ("app", "tests", "workers"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path == Path(__file__):
                continue
            for found in CITED.finditer(path.read_text()):
                for number in found.groups(default="") if found[2] else (found[1] or "",):
                    yield str(path.relative_to(ROOT)), number


@pytest.mark.parametrize("number", SECTIONS)
def test_a_section_names_a_public_source(number: int) -> None:
    _, _, sources = SECTIONS[number].partition("\nSources: ")
    assert re.findall(r"<https://(?:developer\.hashicorp\.com|github\.com)/[^>\s]+>", sources)


def test_sections_are_numbered_from_one() -> None:
    assert list(SECTIONS) == list(range(1, len(SECTIONS) + 1))


def test_a_citation_names_a_section_that_is_there() -> None:
    found = list(citations())
    assert len(found) > 10
    assert [(file, number) for file, number in found if number and int(number) not in SECTIONS] == []


def test_a_comment_in_the_adapter_or_the_simulator_names_its_section() -> None:
    assert [file for file, number in citations() if not number and "/nomad/" in file and "__init__" not in file] == []


def test_no_comment_cites_a_page_that_is_not_here() -> None:
    bare = re.compile(r"(?<!docs/)\bnomad\.md\b|\bN:[a-z]+/")
    files = [path for folder in ("app", "tests", "workers") for path in (ROOT / folder).rglob("*.py")]
    assert [str(path) for path in files if path != Path(__file__) and bare.search(path.read_text())] == []
