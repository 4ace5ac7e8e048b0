"""No reader of foreign text can be forgotten: a module that parses is fed by a table here, or says why not."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[3]
_PARSES = frozenset(
    {
        "urlsplit", "urlparse", "urljoin", "parse_qs", "parse_qsl", "parsedate_to_datetime", "fromisoformat",
        "b64decode", "urlsafe_b64decode", "loads", "ip_address", "ip_network", "inet_aton", "cookie_parser",
    }
)  # fmt: skip
OF_TESTS = ("app/local", "app/simulators")  # they serve this machine's demo and tests
NOT_FED = {
    "app/adapters/postgres/database/migrate.py": "names of our own files",
    "app/adapters/postgres/database/pool.py": "JSON that we stored",
    "app/adapters/nomad/http/session.py": "the operator's own address of Nomad, which nomad.connection has judged",
    "app/adapters/registry/auth/login.py": "a realm that registry.origins judges in the same call",
    "app/adapters/nomad/register/vault.py": "the agent's version, once in a process, anchored at its start",
    "app/web/http/assets.py": "parse_qs of Python, whose query the server bounds; the table feeds it by way of forms",
    "app/bootstrap/values.py": "the operator's own external_url, which the settings have judged",
    "app/settings/file.py": "the operator's own file, by Python's TOML",
    "app/settings/registries.py": "the operator's own file, which settings.kinds has judged",
    "app/settings/environment.py": "the operator's own environment, by Python's JSON",
}


def test_every_module_that_parses_is_fed() -> None:
    fed = _imported()
    forgotten = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "app").rglob("*.py"))
        if not any(path.is_relative_to(ROOT / folder) for folder in OF_TESTS)
        and _parses(path)
        and str(path.relative_to(ROOT)) not in NOT_FED
        and ".".join(path.relative_to(ROOT).with_suffix("").parts) not in fed
    ]
    assert forgotten == []


def test_what_is_not_fed_parses() -> None:
    assert all(list((ROOT / folder).glob("*.py")) for folder in OF_TESTS), "the folders have moved"
    assert [name for name in NOT_FED if not _parses(ROOT / name)] == []


def _parses(path: Path) -> bool:
    """Whether the module uses an expression, or a function that parses."""
    tree = ast.parse(path.read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return "re" in imported or bool(names & _PARSES)


def _imported() -> set[str]:
    """The modules that the tables of this folder import from."""
    found = set()
    for path in Path(__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found
