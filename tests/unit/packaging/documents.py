"""Reads the files shipped beside the program as far as tests need: Markdown's blocks and tables, YAML's nesting.

No YAML package is among the dependencies, so a part of a YAML file is found by its indentation.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCUMENTS = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *sorted(f"docs/{each.name}" for each in (ROOT / "docs").glob("*.md")),
    "app/simulators/README.md",
)
"""Every document of the tree, by its path from the root; those with commands in the order in which they are run."""

_FENCE = re.compile(r"^(?P<mark><!-- run -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block; `marked` ones are to be run, `answer` is the block after it where that follows at once."""

    language: str
    text: str
    marked: bool
    answer: str = ""


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(markdown: str) -> list[Block]:
    """Every fenced block, in order."""
    matches = list(_FENCE.finditer(markdown))
    found = []
    for match, following in zip(matches, [*matches[1:], None], strict=False):
        adjacent = following is not None and following.start() == match.end() + 1
        found.append(
            Block(
                language=match["language"],
                text=match["text"],
                marked=match["mark"] is not None,
                answer=following["text"].strip() if following is not None and adjacent else "",
            )
        )
    return found


def section(markdown: str, title: str) -> str:
    """The text under a heading, with the deeper headings in it."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*)", markdown, re.DOTALL | re.MULTILINE)
    assert found is not None
    return re.split(rf"^#{{1,{len(found[1])}}} ", found[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(markdown: str, first: str) -> list[list[str]]:
    """The cells of the table whose first heading is `first`, without its two head lines."""
    _, _, rest = markdown.partition(f"| {first} |")
    lines = rest.split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def codes(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return _CODE.findall(cell)


def nested(yaml: str, *keys: str) -> str:
    """What stands under `key: {key: …}`, by indentation, without that indentation; "" when it is not there."""
    for key in keys:
        match = re.search(rf"^{re.escape(key)}:[^\n]*\n((?:[ ]+[^\n]*\n|[ ]*\n)*)", yaml, re.MULTILINE)
        yaml = _dedented(match[1]) if match else ""
    return yaml


def children(yaml: str) -> dict[str, str]:
    """Each key at the outermost level, with the rest of its line."""
    return dict(re.findall(r"^([\w<][\w.<-]*):[ ]*(.*)$", yaml, re.MULTILINE))


def _dedented(text: str) -> str:
    lines = text.splitlines()
    width = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "".join(f"{line[width:]}\n" for line in lines)


def without_comments(text: str) -> Iterator[str]:
    yield from (line for line in text.splitlines() if not line.lstrip().startswith("#"))
