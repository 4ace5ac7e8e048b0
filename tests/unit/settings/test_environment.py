"""The environment wins over the file: our own form for every key, the usual names, secrets from files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.domain.watch import DeployBy
from app.settings import Settings, load_settings
from app.settings.document import NAMED_TABLES, Document, NomadTable, Table, is_secret
from app.settings.variables import PREFIX, Vocabulary
from tests.unit.settings.files import SOUND, faults, keys, load


def places() -> Iterator[tuple[str, ...]]:
    for key in Document.model_fields:
        if key not in NAMED_TABLES and key != "nomad":
            yield (key,)
    for key in NomadTable.model_fields:
        yield ("nomad", key)
    for table, model in NAMED_TABLES.items():
        yield from ((table, "my-name", key) for key in model.model_fields)


def variable(place: tuple[str, ...]) -> str:
    return PREFIX + "__".join(place).upper().replace("-", "_")


@pytest.mark.parametrize("place", list(places()), ids=".".join)
def test_every_key_has_a_variable(place: tuple[str, ...]) -> None:
    tables: dict[str, Any] = {place[0]: {"my-name": {}}} if len(place) == 3 else {}
    meaning = Vocabulary(tables, []).meaning(variable(place))
    assert meaning == (place, False)


@pytest.mark.parametrize("place", list(places()), ids=".".join)
def test_every_secret_has_a_twin_that_names_a_file_and_nothing_else_has(place: tuple[str, ...]) -> None:
    models: dict[str, type[Table]] = {"nomad": NomadTable, **NAMED_TABLES}
    table = models.get(place[0], Document) if len(place) > 1 else Document
    tables: dict[str, Any] = {place[0]: {"my-name": {}}} if len(place) == 3 else {}
    meaning = Vocabulary(tables, []).meaning(f"{variable(place)}_FILE")
    if place == ("nomad", "token"):  # its file is a key of its own, since it is read again for each use
        assert meaning == (("nomad", "token_file"), False)
    else:
        assert meaning == ((place, True) if is_secret(table, place[-1]) else None)


def test_wins_over_the_file(tmp_path: Path) -> None:
    environ = {
        "REGISTRYWATCHER_POLL_INTERVAL": "7s",
        "REGISTRYWATCHER_OBSERVE_ONLY": "true",
        "REGISTRYWATCHER_RETENTION_DAYS": "30",
        "REGISTRYWATCHER_REGISTRY_MAP__HUB__REGISTRY_PREFIX": "other",
        "REGISTRYWATCHER_REPO_MAP__APP__DEPLOY_BY": "tag",
        "REGISTRYWATCHER_NOMAD__REGION": "eu",
    }
    settings = load(tmp_path, 'poll_interval = "1s"\n' + SOUND, environ)
    watch = settings.watches[0]
    assert (settings.poll_interval, settings.observe_only, settings.retention_days) == (7.0, True, 30)
    assert (watch.repository.path, watch.deploy_by, watch.place.region) == ("other/app", DeployBy.TAG, "eu")


def test_the_usual_names_work_and_our_own_form_wins_over_them(tmp_path: Path) -> None:
    environ = {
        "DATABASE_URL": "postgres://usual/db",
        "REDIS_URL": "rediss://usual:6380/1",
        "REGISTRYWATCHER_REDIS_URL": "unix:///run/redis.sock",
        "NOMAD_ADDR": "https://nomad.example:4646/",
        "NOMAD_NAMESPACE": "apps",
        "NOMAD_REGION": "eu",
        "NOMAD_TOKEN": "nomad-token",
        "NOMAD_HTTP_AUTH": "user:pass",
        "NOMAD_SKIP_VERIFY": "1",
        "NOMAD_TLS_SERVER_NAME": "server.eu.nomad",
        "VAULT_TOKEN": "vault-token",
    }
    settings = load(tmp_path, 'redis_url = "redis://file"\ndatabase_url = "postgres://file"\n' + SOUND, environ)
    nomad = settings.nomad
    assert settings.database_url.reveal() == "postgres://usual/db"
    assert (settings.redis_url.reveal(), settings.redis_given) == ("unix:///run/redis.sock", True)
    assert (nomad.address, nomad.namespace, nomad.region) == ("https://nomad.example:4646", "apps", "eu")
    assert (nomad.token.reveal(), nomad.http_auth.reveal()) == ("nomad-token", "user:pass")
    assert (nomad.skip_verify, nomad.tls_server_name, nomad.vault_token.reveal()) == (
        True,
        "server.eu.nomad",
        "vault-token",
    )
    assert (settings.watches[0].place.namespace, settings.watches[0].place.region) == ("apps", "eu")
    assert settings.warnings == ("Nomad's certificate is not verified: nomad.skip_verify is on.",)


def test_nomads_files_stay_files(tmp_path: Path) -> None:
    pem = tmp_path / "nomad.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----\n")
    environ = {
        "NOMAD_TOKEN": "given-by-nomad",
        "NOMAD_TOKEN_FILE": str(pem),
        "NOMAD_CACERT": str(pem),
        "NOMAD_CAPATH": str(tmp_path),
        "NOMAD_CLIENT_CERT": str(pem),
        "NOMAD_CLIENT_KEY": str(pem),
    }
    settings = load(tmp_path, SOUND, environ)
    nomad = settings.nomad
    assert (nomad.token_file, nomad.ca_cert, nomad.client_cert, nomad.client_key) == (pem, pem, pem, pem)
    assert nomad.ca_path == tmp_path
    assert settings.warnings == ("nomad.token_file is used, and nomad.token is not.",)


def test_secrets_come_from_files_without_the_final_newline(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("postgresql://from-file/db\n")
    token = tmp_path / "token"
    token.write_text("api-token\r\n")
    environ = {
        "DATABASE_URL_FILE": str(secret),
        "REGISTRYWATCHER_API_TOKENS__CI__TOKEN_FILE": str(token),
        "REGISTRYWATCHER_API_TOKENS__CI__ROLE": "admin",
    }
    settings = load(tmp_path, SOUND, environ)
    assert settings.database_url.reveal() == "postgresql://from-file/db"
    assert [(each.name, each.secret.reveal()) for each in settings.api_tokens] == [("ci", "api-token")]


def test_names_with_dots_and_hyphens_are_found_in_the_file_and_the_list(tmp_path: Path) -> None:
    text = '[registry_map."my.hub"]\nregistry_domain = "registry.example"\n'
    other = {"registry_name": "my.hub", "nomad_job_name": "o", "nomad_task_name": "o"}
    environ = {
        "REGISTRYWATCHER_WATCHED_REPOSITORIES": "my-app, other",
        "REGISTRYWATCHER_REGISTRY_MAP__MY_HUB__REGISTRY_PREFIX": "team",
        "REGISTRYWATCHER_REPO_MAP__MY_APP__REGISTRY_NAME": "my.hub",
        "REGISTRYWATCHER_REPO_MAP__MY_APP__NOMAD_JOB_NAME": "job",
        "REGISTRYWATCHER_REPO_MAP__MY_APP__NOMAD_TASK_NAME": "task",
        "REGISTRYWATCHER_REPO_MAP": json.dumps({"other": other}),
    }
    watches = load(tmp_path, text, environ).watches
    assert [str(watch.repository) for watch in watches] == [
        "registry.example/team/my-app",
        "registry.example/team/other",
    ]


@pytest.mark.parametrize("listed", ['["app", "b2"]', "app,b2", "app b2"])
def test_a_list_is_json_or_names(tmp_path: Path, listed: str) -> None:
    text = SOUND + '[repo_map.b2]\nregistry_name = "hub"\nnomad_job_name = "b"\nnomad_task_name = "b"\n'
    settings = load(tmp_path, text, {"REGISTRYWATCHER_WATCHED_REPOSITORIES": listed})
    assert [watch.name for watch in settings.watches] == ["app", "b2"]


def test_a_table_as_json_replaces_the_entries_that_it_names(tmp_path: Path) -> None:
    environ = {"REGISTRYWATCHER_NOMAD": '{"region": "eu"}'}
    settings = load(tmp_path, SOUND + '[nomad]\nregion = "us"\nnamespace = "apps"\n', environ)
    assert (settings.nomad.region, settings.nomad.namespace) == ("eu", "apps")


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    environ = {"DATABASE_URL": "", "PORT": "", "REGISTRYWATCHER_POLL_INTERVAL": "", "REGISTRYWATCHER_NONSENSE": ""}
    settings = load(tmp_path, 'poll_interval = "3s"\ndatabase_url = "postgres://file"\n' + SOUND, environ)
    assert (settings.poll_interval, settings.database_url.reveal()) == (3.0, "postgres://file")


def test_other_variables_with_our_prefix_are_left_alone(tmp_path: Path) -> None:
    """Kubernetes puts the second to fourth there for a service of our name."""
    environ = {
        "REGISTRYWATCHER_LOG_LEVEL": "debug",
        "REGISTRYWATCHER_SERVICE_HOST": "10.0.0.1",
        "REGISTRYWATCHER_PORT": "tcp://10.0.0.1:8080",
        "REGISTRYWATCHER_PORT_8080_TCP_ADDR": "10.0.0.1",
    }
    assert load(tmp_path, SOUND, environ) == load(tmp_path, SOUND)


def test_the_environment_alone_is_enough() -> None:
    environ = {"REGISTRYWATCHER_POLL_INTERVAL": "5s", "PORT": "0"}
    settings: Settings = load_settings(None, environ, places=())
    assert (settings.file, settings.host, settings.port) == (None, "127.0.0.1", 0)
    assert settings.warnings == ("Nothing is watched: watched_repositories is empty.",)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("REGISTRYWATCHER_POL_INTERVAL", "REGISTRYWATCHER_POLL_INTERVAL"),
        ("REGISTRYWATCHER_NOMAD__ADRESS", "REGISTRYWATCHER_NOMAD__ADDRESS"),
        ("REGISTRYWATCHER_REPO_MAP__APP__NOMAD_JOB", "REGISTRYWATCHER_REPO_MAP__APP__NOMAD_JOB_NAME"),
        ("REGISTRYWATCHER_REPO_MAP__REGISTRY_NAME", "REGISTRYWATCHER_REPO_MAP__NAME__REGISTRY_NAME"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest(tmp_path: Path, name: str, meant: str) -> None:
    (fault,) = faults(tmp_path, SOUND, {name: "x"})
    assert (fault.source, fault.key, fault.problem) == ("environment", name, "no setting has this name")
    assert fault.fix == f"Did you mean {meant}?"


@pytest.mark.parametrize(
    "name", ["REGISTRYWATCHER_XYZZY", "REGISTRYWATCHER_XYZZY__A__B", "REGISTRYWATCHER_POLL_INTERVAL_FILE"]
)
def test_an_unknown_variable_far_from_all_is_refused(tmp_path: Path, name: str) -> None:
    assert keys(tmp_path, SOUND, {name: "x"}) == [name]


def test_a_key_said_twice_is_refused(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, SOUND, {"DATABASE_URL": "postgres://a", "DATABASE_URL_FILE": "/dev/null"})
    assert (fault.key, fault.problem) == ("DATABASE_URL_FILE", "sets the same as DATABASE_URL")


def test_faults_name_the_variable_that_brought_the_value(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff")
    environ = {
        "NOMAD_SKIP_VERIFY": "perhaps",
        "PORT": "many",
        "REDIS_URL_FILE": str(tmp_path / "absent"),
        "VAULT_TOKEN_FILE": str(tmp_path / "binary"),
        "REGISTRYWATCHER_WEBHOOKS": "no json",
        "REGISTRYWATCHER_API_TOKENS": '{"x": {"role": "boss", "token": 5}}',
        "REGISTRYWATCHER_REPO_MAP__APP__NOMAD_NAMESPACE": "*",
    }
    found = faults(tmp_path, SOUND, environ)
    assert {fault.key for fault in found} == {
        "NOMAD_SKIP_VERIFY",
        "PORT",
        "REDIS_URL_FILE",
        "VAULT_TOKEN_FILE",
        "REGISTRYWATCHER_WEBHOOKS",
        "REGISTRYWATCHER_API_TOKENS",
        "REGISTRYWATCHER_REPO_MAP__APP__NOMAD_NAMESPACE",
    }
    assert {fault.source for fault in found} == {"environment"}


def test_a_variable_inside_what_is_no_table_does_not_hide_the_files_fault(tmp_path: Path) -> None:
    assert keys(tmp_path, "registry_map = 5\n", {"REGISTRYWATCHER_REGISTRY_MAP__HUB__REGISTRY_DOMAIN": "x"}) == [
        "registry_map"
    ]


def test_port_replaces_the_files_port_but_not_our_own_variables(tmp_path: Path) -> None:
    text = 'server_listening_address = ":80"\n' + SOUND
    assert load(tmp_path, text, {"PORT": "9000"}).port == 9000
    own = {"PORT": "9000", "REGISTRYWATCHER_SERVER_LISTENING_ADDRESS": "[::1]:7000"}
    assert (load(tmp_path, text, own).host, load(tmp_path, text, own).port) == ("::1", 7000)
