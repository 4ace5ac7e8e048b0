"""What two sides of a seam must agree on is compared by mypy: a drift of one side fails `make check`."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from app.adapters.postgres.commands.watch_commands import PostgresWatchCommands
from app.adapters.postgres.views.board import PostgresBoard
from app.bootstrap import Services
from tests.unit.packaging.documents import ROOT
from tests.unit.packaging.tree import Tree, copied


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    made = copied(tmp_path_factory.mktemp("tree"))
    assert checked(made) == ""
    return made


def checked(tree: Tree) -> str:
    """What mypy finds in all that the web process imports; "" when it is content."""
    return tree.run("mypy", "--no-error-summary", "--cache-dir", "cache", "app/asgi.py")


def drifted(tree: Tree, owner: type, old: str, new: str) -> str:
    """What mypy finds once `old`, a regular expression, is `new` in the file of `owner`."""
    source = inspect.getsourcefile(owner)
    assert source is not None
    after, changes = re.subn(old, new, Path(source).read_text(encoding="utf-8"))
    assert changes, f"{old} is not in {source}"
    with tree.changed(str(Path(source).relative_to(ROOT)), after):
        return checked(tree)


def test_a_renamed_field_of_the_services_is_found_where_the_web_takes_them(tree: Tree) -> None:
    assert "board" in Services.__dataclass_fields__
    found = drifted(tree, Services, r"\bboard(: |=)", r"renamed\1")
    assert "app/asgi.py" in found
    assert 'expected "WebServices"' in found


@pytest.mark.parametrize(
    ("store", "method", "old", "new"),
    [
        pytest.param(PostgresBoard, PostgresBoard.situation, r"def {name}\(", "def renamed(", id="a renamed method"),
        pytest.param(
            PostgresWatchCommands,
            PostgresWatchCommands.check,
            r"(def {name}\(.*)by: str",
            r"\1by: int",
            id="another type",
        ),
        pytest.param(
            PostgresWatchCommands,
            PostgresWatchCommands.check,
            r"(def {name}\(.*)by: str",
            r"\1by: str, why: str",
            id="one more",
        ),
    ],
)
def test_a_store_that_drifts_from_its_protocol_is_found_where_it_is_made(
    tree: Tree, store: type, method: Callable[..., object], old: str, new: str
) -> None:
    found = drifted(tree, store, old.format(name=method.__name__), new)
    assert re.search(rf'app/bootstrap/services.py:.* "{store.__name__}"', found)
    assert re.search(rf"note: .*\b{method.__name__}\b", found)
