"""config/sample.toml is the book of settings: every key stands in it, and what stands in it works as it says."""

import re
from collections.abc import Iterator
from pathlib import Path

import tomli

from app.domain.reference import Repository
from app.settings import load_settings
from app.settings.document import NAMED_TABLES, Document, NomadTable, Table
from app.settings.load import DEFAULT_REDIS_URL
from app.settings.variables import USUAL_NAMES
from tests.unit.settings.files import CONFIG

SAMPLE = CONFIG / "sample.toml"
TABLES: dict[str, type[Table]] = {"": Document, "nomad": NomadTable, **NAMED_TABLES}
EXAMPLES = {"server_listening_address", "watched_repositories", "database_url", "redis_url", "registry_map", "repo_map"}
_KEY = re.compile(r"(?:# )?([a-z_]+) = ")
_TABLE = re.compile(r"(?:# )?\[([a-z_]+)[.\]]")
_OFF = re.compile(r"# (?=[a-z_]+ = |\[)")


def documented() -> set[tuple[str, str]]:
    """(table, key) of each line of the sample, also of those that are off."""
    table, found = "", set()
    for line in SAMPLE.read_text().splitlines():
        if header := _TABLE.match(line):
            table = header[1]
        elif key := _KEY.match(line):
            found.add((table, key[1]))
    return found


def known() -> Iterator[tuple[str, str]]:
    for table, model in TABLES.items():
        yield from ((table, key) for key in model.model_fields if key not in TABLES)


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert documented() == set(known())


def test_every_usual_variable_is_documented() -> None:
    assert [name for name in USUAL_NAMES if name not in SAMPLE.read_text()] == []


def test_the_sample_loads_as_it_is() -> None:
    settings = load_settings(SAMPLE, {})
    assert settings.warnings == ()
    assert [str(watch.repository) for watch in settings.watches] == ["docker.io/some_prefix/registrywatcher"]


def test_the_values_shown_are_the_defaults_unless_they_are_examples() -> None:
    shown = tomli.loads(SAMPLE.read_text())
    defaults = Document.model_validate({})
    plain = {key: value for key, value in shown.items() if key not in EXAMPLES | {"nomad"}}
    assert Document.model_validate(plain).model_copy(update={"nomad": defaults.nomad}) == defaults
    assert NomadTable.model_validate(shown["nomad"]) == NomadTable()
    assert shown["redis_url"] == DEFAULT_REDIS_URL


def test_everything_that_is_off_works_when_it_is_on(tmp_path: Path) -> None:
    pem = tmp_path / "some.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----\n")
    text = _OFF.sub("", SAMPLE.read_text())
    text = text.replace("$YOUR_AUTH_STRING_HERE", "dXNlcjpwYXNzd29yZA==").replace("$YOUR_SLACK_URL_HERE", "https://x.y")
    text = text.replace("$YOUR_OPS_CHANNEL_URL", "https://x.y/ops")
    text = re.sub(r"\$YOUR_\w+", "filled-in", text)
    text = re.sub(r'"[^"]*\.d"', f'"{tmp_path}"', text)
    text = re.sub(r'"/[^"]*(\.pem|_token)"', f'"{pem}"', text)
    everything = tmp_path / "everything.toml"
    everything.write_text(text)

    settings = load_settings(everything, {})

    assert settings.watches[0].repository == Repository(host="docker.io", path="some_prefix/registrywatcher")
    assert settings.registries["dockerhub"].username == "user"
    assert [token.role for token in settings.api_tokens] == ["deployer"]
    assert len(settings.webhook_sources["distribution"].secrets) == 2
    assert {name: each.kind for name, each in settings.channels.items()} == {"ops": "slack", "slack": "slack"}
    assert "is_test" in settings.warnings[0]


def test_the_default_file_starts_as_it_is() -> None:
    settings = load_settings(CONFIG / "staging.toml", {})
    assert (settings.host, settings.warnings) == ("127.0.0.1", ())
    assert [watch.name for watch in settings.watches] == ["hello"]
