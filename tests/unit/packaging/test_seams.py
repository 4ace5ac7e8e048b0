"""What two sides of a seam must agree on is compared by mypy: a drift of one side fails `make check`."""

import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.adapters.postgres.board import PostgresBoard
from app.adapters.postgres.rules import PostgresRules
from app.bootstrap import Services
from tests.unit.packaging.documents import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A copy of what mypy reads, with a cache of its own."""

    root: Path

    def mypy(self) -> str:
        """What mypy finds in all that the web process imports; "" when it is content."""
        argv = [
            sys.executable,
            "-m",
            "mypy",
            "--no-error-summary",
            "--cache-dir",
            str(self.root / "cache"),
            "app/asgi.py",
        ]
        done = subprocess.run(argv, cwd=self.root, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def drifted(self, owner: type, old: str, new: str) -> str:
        """What mypy finds once `old`, a regular expression, is `new` in the file of `owner`."""
        source = inspect.getsourcefile(owner)
        assert source is not None
        file = self.root / Path(source).relative_to(ROOT)
        before = file.read_text()
        after, changes = re.subn(old, new, before)
        assert changes, f"{old} is not in {file}"
        file.write_text(after)
        try:
            return self.mypy()
        finally:
            file.write_text(before)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    root = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "app", root / "app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    made = Tree(root=root)
    assert made.mypy() == ""
    return made


def test_a_renamed_field_of_the_services_is_found_where_the_web_takes_them(tree: Tree) -> None:
    assert "board" in Services.__dataclass_fields__
    found = tree.drifted(Services, r"\bboard(: |=)", r"renamed\1")
    assert "app/asgi.py" in found
    assert 'expected "app.web.running.Services"' in found


@pytest.mark.parametrize(
    ("store", "method", "old", "new"),
    [
        pytest.param(PostgresBoard, PostgresBoard.situation, r"def {name}\(", "def renamed(", id="a renamed method"),
        pytest.param(PostgresRules, PostgresRules.check, r"(def {name}\(.*)by: str", r"\1by: int", id="another type"),
        pytest.param(
            PostgresRules, PostgresRules.check, r"(def {name}\(.*)by: str", r"\1by: str, why: str", id="one more"
        ),
    ],
)
def test_a_store_that_drifts_from_its_protocol_is_found_where_it_is_made(
    tree: Tree, store: type, method: Callable[..., object], old: str, new: str
) -> None:
    found = tree.drifted(store, old.format(name=method.__name__), new)
    assert re.search(rf'app/bootstrap/services.py:.* "{store.__name__}"', found)
    assert re.search(rf"note: .*\b{method.__name__}\b", found)
