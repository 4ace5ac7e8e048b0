"""A setting of a watch is used in many places: each field of `Watch` is followed from the file to the page. A forgotten
place is reported by its file."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from app.adapters.postgres.commands.watch_commands import PostgresWatchCommands
from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.migrate import FOLDER as MIGRATIONS
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.views import view_statements as statements
from app.adapters.postgres.views.queries import PostgresQueries
from app.domain.configuration import fingerprint
from app.domain.watch import DeployBy, Watch
from app.services.views.queries import WatchView
from app.settings import load_settings
from app.settings.document import RepoTable
from app.web.api import openapi
from app.web.api.repos import repository
from app.web.render.pages import FOLDER as TEMPLATES
from tests.integration.views.test_feed import APP

ROOT = MIGRATIONS.parent

# The place of a watch; these are no settings.
PLACE = {"name", "registry", "repository", "place"}

# For each setting, a value other than its default: as text in the file, and as the parsed value.
VALUES: Mapping[str, tuple[str, Any]] = {
    "task": ('"other"', "other"),
    "group": ('"web"', "web"),
    "deploy_by": ('"tag"', DeployBy.TAG),
    "observe_only": ("true", True),
    "promote_after": ('"30s"', 30.0),
    "revert_on_failure": ("false", False),
}
KEYS = {"task": "nomad_task_name", "group": "nomad_group_name"}  # names in the file that differ
COLUMNS = {"group": "group_name"}  # names in the database that differ

NOT_SHOWN = {"group", "deploy_by"}  # neither in the API nor on a page
NOT_ON_A_PAGE = {"revert_on_failure"}  # only in the API

_HAS_COLUMN = "SELECT 1 FROM information_schema.columns WHERE table_name = 'watches' AND column_name = $1"

FILE = """
watched_repositories = ["app"]
[registry_map.main]
registry_domain = "registry.example"
[repo_map.app]
registry_name = "main"
nomad_job_name = "web"
"""


@pytest.mark.parametrize("name", [each.name for each in fields(Watch) if each.name not in PLACE])
async def test_a_setting_stands_in_every_place(database: Database, tmp_path: Path, name: str) -> None:
    assert name in VALUES, f"{__file__}: VALUES has no value of {name}"
    changed = replace(APP, **{name: VALUES[name][1]})
    forgotten = [
        *in_the_file(tmp_path, name),
        *([] if fingerprint([changed]) != fingerprint([APP]) else ["app/domain/configuration.py: fingerprint"]),
        *[place async for place in in_the_database(database, changed, name)],
        *in_documents(KEYS.get(name, name)),
    ]
    if name not in NOT_SHOWN and f" w.{COLUMNS.get(name, name)}," not in statements.WATCHES:
        forgotten += [f"app/adapters/postgres/views/view_statements.py: no w.{name}"]
    elif name not in NOT_SHOWN:
        view = await PostgresQueries(database).watch("app")
        assert view is not None
        forgotten += to_people(view, name)
    assert not forgotten, f"{name} is forgotten in:\n" + "\n".join(forgotten)


def test_every_file_in_the_messages_of_this_test_exists() -> None:
    named = re.findall(r'f?"((?:app|config)/[\w/.]+):', Path(__file__).read_text())
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []


def in_the_file(folder: Path, name: str) -> Iterator[str]:
    key, (text, value) = KEYS.get(name, name), VALUES[name]
    if key not in RepoTable.model_fields:
        yield f"app/settings/document.py: RepoTable has no {key}"
        return
    lines = {"nomad_task_name": '"server"', key: text}
    file = folder / "config.toml"
    file.write_text(FILE + "\n".join(f"{each} = {its}" for each, its in lines.items()))
    settings = load_settings(file, {})
    if getattr(settings.watches[0], name) != value:
        yield f"app/settings/watches.py: _watch leaves {name} out"


async def in_the_database(database: Database, changed: Watch, name: str) -> AsyncIterator[str]:
    store, column = PostgresWatches(database), COLUMNS.get(name, name)
    async with database.connection() as connection:
        if await connection.fetchval(_HAS_COLUMN, column) is None:
            yield f"migrations: watches has no column {column}"
            return
    await store.sync([APP], at_start=False)
    before = await stored(database, column)
    await store.sync([changed], at_start=False)
    if before == await stored(database, column):
        yield f"app/adapters/postgres/config/watches.py: _CONFIGURED lacks {column}"
    standing = await PostgresWatchCommands(database).find("app")
    if standing is None or standing.watch != changed:
        yield f"app/adapters/postgres/reconcile/claim_rows.py: watch() does not read {column}"


async def stored(database: Database, column: str) -> object:
    async with database.connection() as connection:
        return await connection.fetchval(f"SELECT {column} FROM watches")


def to_people(view: WatchView, name: str) -> Iterator[str]:
    if name not in {each.name for each in fields(WatchView)}:
        yield f"app/services/views/queries.py: WatchView has no {name}"
        return
    if getattr(view, name) != VALUES[name][1]:
        yield f"app/adapters/postgres/views/view_rows.py: watch_view() does not read {name}"
    if name not in repository(view):
        yield f"app/web/api/repos.py: repository() leaves {name} out"
    if name not in json.loads(Path(openapi.FILE).read_text())["components"]["schemas"]["Repository"]["properties"]:
        yield f"app/web/api/openapi.json: Repository has no {name}"
    pages = "".join(path.read_text() for path in TEMPLATES.glob("*.html"))
    if name not in NOT_ON_A_PAGE and f"watch.{name}" not in pages:
        yield f"app/web/render/templates: no page shows watch.{name}"


def in_documents(key: str) -> Iterator[str]:
    tables = "".join(path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))
    if not re.search(rf"^\|[^|]*`{key}`", tables, re.MULTILINE):
        yield f"README.md or docs/configuration.md: no row for `{key}` in the table of keys"
    if f"{key} = " not in (ROOT / "config" / "sample.toml").read_text():
        yield f"config/sample.toml: no line for {key}"
