"""Each import contract of pyproject.toml catches the import that it forbids, and no other contract does."""

import re
from pathlib import Path

import pytest
from importlinter.api import read_configuration

from tests.unit.packaging.documents import ROOT
from tests.unit.packaging.tree import Tree, copied

CONFIGURATION = read_configuration(str(ROOT / "pyproject.toml"))
CONTRACTS = {each["name"]: each for each in CONFIGURATION["contracts_options"]}

LAYERS = "Layers, high to low, each module in one"
CORE = "The core knows no product and no wire"
ALONE = "A simulator imports nothing of the program"
PROTECTED = "Only app.local imports a simulator"

# Contract, package, and an import that only this contract forbids it.
PROBES = [
    ("The program does not know its workers", "app.local", "workers"),
    (LAYERS, "app.adapters.notifiers", "app.settings"),
    (LAYERS, "app.adapters.notifiers", "app.web.routes"),
    (LAYERS, "app.web", "app.adapters.postgres.views.board"),
    (LAYERS, "app.domain", "app.ports"),
    (CORE, "app.services", "app.outbound.client"),
    *((CORE, "app.domain", each) for each in CONTRACTS[CORE]["forbidden_modules"] if not each.startswith("app.")),
    ("Layers of what goes out", "app.outbound.loopback", "app.outbound.client"),
    ("What is pure does not log", "app.domain", "logging"),
    ("What is pure does not log", "app.webhooks", "structlog"),
    ("Adapters do not see one another", "app.adapters.registry", "app.adapters.broker"),
    *((ALONE, each, "app.outbound.loopback") for each in CONTRACTS[ALONE]["source_modules"]),
    *((PROTECTED, "app.bootstrap", each) for each in CONTRACTS[PROTECTED]["protected_modules"]),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return copied(tmp_path_factory.mktemp("tree"))


def broken(tree: Tree) -> list[str]:
    """The contracts that import-linter finds broken."""
    told = tree.run("lint-imports", "--no-logo", "--cache-dir", "cache")
    assert f"{len(CONTRACTS)} kept" in told or "BROKEN" in told, told
    return re.findall(r"^(.+) BROKEN$", told, re.MULTILINE)


def test_the_program_keeps_every_contract(tree: Tree) -> None:
    assert broken(tree) == []


def test_every_contract_has_a_probe() -> None:
    assert {name for name, _, _ in PROBES} == set(CONTRACTS)


@pytest.mark.parametrize(("name", "package", "imported"), PROBES)
def test_a_forbidden_import_breaks_its_contract(tree: Tree, name: str, package: str, imported: str) -> None:
    folder = Path(*package.split("."))
    file = folder / "__init__.py" if (tree.root / folder).is_dir() else folder.with_suffix(".py")
    text = (tree.root / file).read_text(encoding="utf-8")
    with tree.changed(str(file), f"{text}\nimport {imported}\n"):
        assert broken(tree) == [name]


def test_a_module_in_no_layer_breaks_the_layers(tree: Tree) -> None:
    with tree.changed("app/newcomer.py", '"""Stands nowhere."""\n'):
        assert broken(tree) == [LAYERS]
    with tree.changed("app/outbound/newcomer.py", '"""Stands nowhere."""\n'):
        assert broken(tree) == ["Layers of what goes out"]
