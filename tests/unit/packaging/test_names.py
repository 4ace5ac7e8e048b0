"""Every file of this repository that a comment, docstring or document names is there, and every row of a table.

A document is named by its path from the root, or from the folder of the file that names it. Code may be named by the
end of its path.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.packaging.documents import DOCUMENTS, ROOT, read, rows

FOLDERS = ("app", "workers", "tests", "migrations", "config", ".ci")
OTHERS = ("Makefile", "Dockerfile", "Procfile", "docker-compose.yml", "pyproject.toml")
FOREIGN = ("static/vendor", "tests/ui/vendor", "tests/fixtures", "__pycache__")
COMMENT = {".sql": "--", ".toml": "#", ".yml": "#", ".hcl": "#", ".jinja": "{#", ".html": "{#", "": "#"}
_NAME = re.compile(r"(?<![\w/.*-])((?:\.\./)*(?:[\w.-]+/)*[\w-][\w.-]*\.(?:py|md|sql))\b(?![/*(])")
_ROWS = re.compile(r"docs/decisions\.md,? rows? (\d+)(?: (?:to|and) (\d+))?")


def files() -> Iterator[Path]:
    """Every file whose comments or text may name another."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and not any(part in path.as_posix() for part in FOREIGN):
                yield path
    yield from (ROOT / name for name in (*DOCUMENTS, *OTHERS))


def prose(path: Path) -> Iterator[str]:
    """The comments and docstrings of a file, or the whole text of a document, without addresses of other places."""
    if path.suffix not in {".py", ".md", *COMMENT}:
        return
    source = path.read_text(encoding="utf-8")
    if not _NAME.search(source):
        return  # most files: reading their comments takes long
    if path.suffix == ".py":
        texts = [*comments(source), *docstrings(source)]
    elif path.suffix == ".md":
        texts = [source]
    else:
        marker = COMMENT[path.suffix]
        texts = [after for line in source.splitlines() for _, found, after in [line.partition(marker)] if found]
    for text in texts:
        yield re.sub(r"https?://\S+", "", text)


def comments(source: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def docstrings(source: str) -> Iterator[str]:
    """Those of modules, classes and functions, and the texts that stand under a value."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


PATHS = list(files())
THERE = {
    path.relative_to(ROOT).as_posix()
    for path in [*PATHS, *(ROOT / "tests").rglob("*.py")]
    if path.suffix in (".py", ".md", ".sql")
}


def is_there(name: str, namer: Path) -> bool:
    """Whether a file of this repository has the name."""
    beside = (namer.parent / name).resolve()
    if name in THERE or (beside.is_relative_to(ROOT) and beside.is_file()):
        return True
    return not name.endswith(".md") and any(path.endswith(f"/{name}") for path in THERE)


def test_every_file_that_is_named_is_there() -> None:
    missing = {
        f"{path.relative_to(ROOT)} names {name}"
        for path in PATHS
        for text in prose(path)
        for name in _NAME.findall(text)
        if not is_there(name, path)
    }
    assert sorted(missing) == []


def test_every_row_of_the_decision_table_that_is_cited_is_there() -> None:
    last = len(rows(read("docs/decisions.md"), "row"))
    cited = [
        (path.relative_to(ROOT).as_posix(), int(row))
        for path in PATHS
        for text in prose(path)
        for found in _ROWS.findall(text)
        for row in filter(None, found)
    ]
    assert cited
    assert [each for each in cited if not 1 <= each[1] <= last] == []


@pytest.mark.parametrize("name", ["docs/absent.md", "absent.md", "operating.md", "app/absent.py", "absent.sql"])
def test_a_name_that_no_file_has_is_found(name: str) -> None:
    assert _NAME.findall(f"(see {name}, 2.3)") == [name]
    assert not is_there(name, ROOT / "app" / "cli.py")


@pytest.mark.parametrize("name", ["README.md", "docs/operating.md", "app/cli.py", "routes.py", "web/routes.py"])
def test_a_name_that_a_file_has_is_accepted(name: str) -> None:
    assert _NAME.findall(f"as `{name}` has it.") == [name]
    assert is_there(name, ROOT / "app" / "cli.py")


def test_comments_and_docstrings_are_read_and_addresses_and_texts_are_not() -> None:
    source = '"""As a.py has it."""\nx = "b.py"  # not c.py\n"""Or d.py."""\n'
    assert [*comments(source), *docstrings(source)] == ["# not c.py", "As a.py has it.", "Or d.py."]
