"""One word for one thing: no module, class, table, column or JSON key has a retired word of docs/glossary.md."""

import ast
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.unit.packaging.documents import ROOT, read, rows

CODE = [path for folder in ("app", "workers") for path in sorted((ROOT / folder).rglob("*.py"))]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in CODE}
RETIRED = {
    tuple(word.strip().split("_")) for row in rows(read("docs/glossary.md"), "word") for word in row[2].split(",")
}
RETIRED.discard(("",))


def parts(name: str) -> tuple[str, ...]:
    """The words of a snake_case or CamelCase name, in lower case."""
    return tuple(part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name))


def retired(name: str) -> list[str]:
    """The retired words that stand in the name."""
    words = parts(name)
    return [
        "_".join(old)
        for old in RETIRED
        if any(words[at : at + len(old)] == old for at in range(len(words) - len(old) + 1))
    ]


def modules() -> Iterator[tuple[str, str]]:
    """Each module: its file and its name."""
    for path in CODE:
        where = path.relative_to(ROOT)
        yield str(where), (where.parent.name if path.name == "__init__.py" else path.stem)


def classes() -> Iterator[tuple[str, str]]:
    """Each class: its file and its name."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield str(path.relative_to(ROOT)), node.name


def fields() -> Iterator[tuple[str, str]]:
    """Each annotated field of a class."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                for part in node.body:
                    if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                        yield f"{path.relative_to(ROOT)} {node.name}", part.target.id


def columns() -> Iterator[tuple[str, str]]:
    """Each table, column, index, function and trigger of the schema."""
    for path in sorted((ROOT / "migrations").glob("*.sql")):
        text = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
        for table, body in re.findall(r"^CREATE TABLE (\w+) \((.*?)^\);", text, re.MULTILINE | re.DOTALL):
            yield path.name, table
            for column in re.findall(r"^    (\w+) [a-z]", body, re.MULTILINE):
                yield f"{path.name} {table}", column
        for name in re.findall(r"CREATE (?:UNIQUE )?(?:INDEX|FUNCTION|TRIGGER) (\w+)", text):
            yield path.name, name


def keys() -> Iterator[tuple[str, str]]:
    """Each key of the JSON that the API documents."""
    document = json.loads((ROOT / "app" / "web" / "api" / "openapi.json").read_text(encoding="utf-8"))
    waiting = [document["components"]["schemas"]]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            for name in found.get("properties", {}):
                yield "openapi.json", name
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


@pytest.mark.parametrize("names", [modules, classes, fields, columns, keys])
def test_no_name_has_a_retired_word(names: Callable[[], Iterator[tuple[str, str]]]) -> None:
    found = list(names())
    assert len(found) > 40, "nothing to check"
    wrong = {f"{where}: {name} ({', '.join(old)})" for where, name in found if (old := retired(name))}
    assert wrong == set()


def test_no_class_name_has_two_meanings() -> None:
    counted = Counter(name for _, name in classes() if not name.startswith("_"))
    assert [name for name, times in counted.items() if times > 1] == []


def test_the_check_finds_a_retired_word() -> None:
    """The check can fail: words are found alone, within a name, and in sequence."""
    assert retired("LookSettings") == ["look"]
    assert retired("hand_changed_at") == ["hand_changed"]
    assert retired("outlook") == []
