"""README.md and docs/ tell the truth: their tables agree with the program, their snippets with the shipped files."""

import re
from importlib import metadata
from pathlib import Path

import tomli
from pydantic import BaseModel

from app.cli import main
from app.domain.decision import HoldReason
from app.settings import load_settings
from app.settings.document import NAMED_TABLES, UNUSED_KEYS, Document, NomadTable
from app.settings.load import DEFAULT_REDIS_URL
from app.settings.variables import USUAL_NAMES, Vocabulary
from app.web.http.auth import Role
from app.web.render.labels import HOLDS, OUTCOMES
from app.web.routes import TABLE
from tests.unit.packaging.documents import (
    DOCUMENTS,
    ROOT,
    blocks,
    codes,
    nested,
    read,
    rows,
    section,
    without_comments,
)
from tests.unit.settings.test_sample import documented

README = read("README.md")
CONFIGURATION = read("docs/configuration.md")
API = read("docs/api.md")
DECISIONS = read("docs/decisions.md")
MODELS: dict[str, type[BaseModel]] = {"": Document, "nomad": NomadTable, **NAMED_TABLES}
NOT_SETTINGS = {
    "PORT", "NOMAD_JOB_ID", "REGISTRYWATCHER_CONFIG", "REGISTRYWATCHER_LOG_LEVEL", "REGISTRYWATCHER_LOG_FORMAT",
    "REGISTRYWATCHER_HEALTH_ADDRESS",
}  # fmt: skip
FOREIGN = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"}


def configuration() -> list[tuple[str, str, str]]:
    """(table, key, default as it is written) of the configuration table."""
    table, found = "", []
    for keys, default, _ in rows(section(CONFIGURATION, "Keys"), "key"):
        header = re.fullmatch(r"\*\*`\[(\w+)(?:\.NAME)?\]`\*\*", keys)
        if header:
            table = header[1]
        else:
            found += [(table, key, "".join(codes(default))) for key in codes(keys)]
    return found


def block_with(document: str, language: str, text: str) -> str:
    (found,) = (block.text for block in blocks(read(document)) if block.language == language and text in block.text)
    return found


def test_the_two_commands_stand_at_the_top() -> None:
    first = blocks(README)[0].text.splitlines()
    assert [line.split("#")[0].strip() for line in first] == ["make demo", "make test"]
    assert README.index("make demo") < 500


def test_the_readme_is_a_shop_window() -> None:
    assert len(README.splitlines()) <= 200
    assert README.count("![") == 1


def test_every_key_is_in_the_table_and_nothing_else() -> None:
    sentence = re.search(r"which are accepted and not used: (.*?)\.\n\n", section(CONFIGURATION, "Keys"), re.DOTALL)
    assert sentence is not None
    *unused, test, table = codes(sentence[1])
    assert set(unused) == set(UNUSED_KEYS)
    keys = [(table, key) for table, key, _ in configuration()]
    assert len(keys) == len(set(keys))
    assert {*keys, *(("", key) for key in unused), (table, test)} == documented()


def test_every_default_is_the_programs() -> None:
    wrong = []
    for table, key, written in configuration():
        default = getattr(MODELS[table].model_validate({}), key)
        if key == "redis_url":
            told: object = tomli.loads(f"it = {written}")["it"]
            default = DEFAULT_REDIS_URL
        elif written:
            told = getattr(MODELS[table].model_validate({key: tomli.loads(f"it = {written}")["it"]}), key)
        else:
            told, default = False, bool(default)
        if told != default:
            wrong.append((table, key, written, default))
    assert wrong == []


def test_every_usual_variable_is_in_the_table_and_each_means_something() -> None:
    told = {name for names, _ in rows(section(CONFIGURATION, "Environment"), "variable") for name in codes(names)}
    assert told == set(USUAL_NAMES) | NOT_SETTINGS | FOREIGN
    documents = "".join(map(read, DOCUMENTS))
    examples = set(re.findall(r"REGISTRYWATCHER_[A-Z_]*[A-Z]", documents)) - NOT_SETTINGS
    assert examples
    assert [name for name in examples if Vocabulary({}, []).meaning(name) is None] == []


def test_every_route_is_in_the_table_with_its_role() -> None:
    told = {
        (method, *codes(path), Role[role.upper()])
        for method, path, role, _ in rows(section(API, "Endpoints"), "method")
    }
    assert told == {(each.method, re.sub(r":path}", "}", each.path), each.needs) for each in TABLE}


def test_every_command_is_in_the_table() -> None:
    told = [code.split()[-1] for command, _ in rows(section(API, "Commands"), "command") for code in codes(command)]
    assert sorted(told) == sorted(main.commands)
    for name in DOCUMENTS:
        assert set(re.findall(r"`registrywatcher ([a-z-]+)", read(name))) <= set(main.commands), name


def test_every_target_of_make_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    for name in DOCUMENTS:
        assert set(re.findall(r"(?:`|^)make ([a-z]+)", read(name), re.MULTILINE)) <= targets, name


def test_the_decision_table_has_every_reason_in_order_and_its_rows_are_numbered() -> None:
    table = rows(DECISIONS, "row")
    assert [number for number, _, _ in table] == [str(each) for each in range(1, len(table) + 1)]
    labels = [label for _, _, result in table for label in re.findall(r"\*([A-Z][^*]+)\*", result)]
    assert labels == [HOLDS[reason] for reason in HoldReason]


def test_every_outcome_is_documented() -> None:
    assert [label for label in OUTCOMES.values() if f"*{label}*" not in section(DECISIONS, "Outcomes")] == []


def test_the_whole_configuration_is_sound(tmp_path: Path) -> None:
    text = block_with("README.md", "toml", "watched_repositories")
    text = text.replace("$YOUR_AUTH_STRING_HERE", "dXNlcjpwYXNzd29yZA==")
    file = tmp_path / "readme.toml"
    file.write_text(re.sub(r"\$YOUR_\w+", "filled-in", text))

    settings = load_settings(file, {})

    assert settings.warnings == ()
    comment = re.search(r"\[repo_map\.app\] +# (\S+)", text)
    assert comment is not None
    assert [str(watch.repository) for watch in settings.watches] == [comment[1]]


def test_the_snippets_are_the_shipped_files() -> None:
    notifications = nested(block_with("docs/registries.md", "yaml", "endpoints"), "notifications")
    assert notifications == nested(read("config/registry.yml"), "notifications")
    policy = "".join(f"{line}\n" for line in without_comments(read("config/nomad/registrywatcher.policy.hcl")))
    assert block_with("docs/operating.md", "hcl", "capabilities") == policy


def test_compose_configures_the_registry_as_the_sample_but_for_address_and_secret() -> None:
    sample = nested(read("config/registry.yml"), "notifications", "endpoints")
    given = nested(
        read("docker-compose.yml"), "services", "registry", "environment", "REGISTRY_NOTIFICATIONS_ENDPOINTS"
    )
    plain = re.sub(r"\$\{WEBHOOK_SECRET[^}]*\}", "$YOUR_WEBHOOK_SECRET", given).replace(
        "http://web:", "http://localhost:"
    )
    assert plain == sample


def test_the_picture_of_the_design_names_what_is_there() -> None:
    picture = read("docs/design.md")
    stages = {path.name for path in (ROOT / "app" / "services").iterdir() if (path / "__init__.py").exists()}
    assert len(stages) == 9
    assert [name for name in stages if not re.search(rf"\b{name}/", picture)] == []
    tree = block_with("docs/design.md", "", "the one place that picks adapters")
    folders = {path.name for path in (ROOT / "app").iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert set(re.findall(r"^  (\w+)/", tree, re.MULTILINE)) == folders
    contract = r"^containers = \[\"app\"\].*?^layers = \[(.*?)\]"
    layers = re.search(contract, read("pyproject.toml"), re.DOTALL | re.MULTILINE)
    assert layers is not None
    line = " > ".join(["workers", *re.findall(r'^ +"([^"(]+)"', layers[1], re.MULTILINE)])
    assert line in re.sub(r"\s+", " ", picture)


def test_the_pictures_of_the_page_are_small() -> None:
    pictures = list((ROOT / "docs").glob("*.webp"))
    assert pictures
    assert [each.name for each in pictures if each.stat().st_size > 100_000] == []


def test_the_licences_that_are_not_permissive_are_named() -> None:
    told = section(README, "Licence")
    named = re.findall(r"^([a-z][\w.-]*)==", read("requirements.lock"), re.MULTILINE)
    for distribution in metadata.distributions():
        about = distribution.metadata
        licence = " ".join([each for key in ("License-Expression", "Classifier") for each in about.get_all(key) or ()])
        if about["Name"].lower() in named and re.search(r"MPL|Mozilla|GPL|Lesser", licence):
            assert about["Name"].lower() in told


def test_the_changelog_has_this_version() -> None:
    assert re.search(rf"^## \[{re.escape(metadata.version('registrywatcher'))}\]", read("CHANGELOG.md"), re.MULTILINE)
