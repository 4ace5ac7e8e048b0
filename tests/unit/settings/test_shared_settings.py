"""Processes agree when what they should have in common is the same, whatever their files look like."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.bootstrap import endpoints, nomad_connection
from tests.default_settings import DEFAULTS
from tests.servers.tls import Certificate
from tests.unit.settings.files import SOUND, load

ACCESS = '[webhooks.distribution]\nsecret = "hook"\n[api_tokens.ops]\nrole = "admin"\ntoken = "secret"\n'


def of(folder: Path, text: str, **environ: str) -> str:
    return load(folder, text, environ).configuration


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        (f"# a comment\n{SOUND}{ACCESS}", {}),
        (f'server_listening_address = "0.0.0.0:9"\n{SOUND}{ACCESS}', {}),
        (f"create_database_schema = true\n{SOUND}{ACCESS}", {"DATABASE_URL": "postgres://u:p@db/d"}),
        (SOUND + ACCESS, {"NOMAD_TOKEN": "of this task", "PORT": "9", "REDIS_URL": "redis://elsewhere/1"}),
        (SOUND + ACCESS, {"NOMAD_ADDR": "http://10.0.0.1:4646"}),
        (SOUND + ACCESS, {"NOMAD_ADDR": "unix:///secrets/api.sock"}),
        (f"{SOUND}{ACCESS}".replace('"secret"', '"file"'), {"REGISTRYWATCHER_API_TOKENS__OPS__TOKEN": "secret"}),
    ],
)
def test_what_belongs_to_one_process_does_not_count(tmp_path: Path, text: str, environ: dict[str, str]) -> None:
    assert of(tmp_path, text, **environ) == of(tmp_path, SOUND + ACCESS)


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        (f'poll_interval = "1h"\n{SOUND}{ACCESS}', {}),
        (SOUND.replace('"task"', '"other"') + ACCESS, {}),
        (SOUND + ACCESS.replace('"secret"', '"other"'), {}),
        (SOUND + ACCESS.replace('"hook"', '"other"'), {}),
        (SOUND + ACCESS, {"NOMAD_NAMESPACE": "ops"}),
        (SOUND + ACCESS, {"REGISTRYWATCHER_OBSERVE_ONLY": "true"}),
    ],
)
def test_what_the_installation_does_counts_wherever_it_is_said(
    tmp_path: Path, text: str, environ: dict[str, str]
) -> None:
    assert of(tmp_path, text, **environ) != of(tmp_path, SOUND + ACCESS)


def test_a_secret_files_content_is_part_of_what_was_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("one\r\n")
    environ = {"REGISTRYWATCHER_API_TOKENS__OPS__TOKEN_FILE": str(secret)}
    first = load(tmp_path, SOUND + ACCESS, environ)
    assert first.sources == (first.file, secret)
    assert first.api_tokens[0].secret.reveal() == "one"
    secret.write_text("two\n")
    second = load(tmp_path, SOUND + ACCESS, environ)
    assert second.fingerprint != first.fingerprint
    assert second.api_tokens[0].secret.reveal() == "two"


def test_whether_the_file_says_anything(tmp_path: Path) -> None:
    assert load(tmp_path, SOUND).written
    assert not load(tmp_path, "# nothing\n", {"REGISTRYWATCHER_POLL_INTERVAL": "1h"}).written


def test_a_renewed_certificate_is_another_endpoint_and_connection(tmp_path: Path, certificate: Certificate) -> None:
    registry, nomad = tmp_path / "registry.pem", tmp_path / "nomad.pem"
    for file in (registry, nomad):
        file.write_bytes(certificate.ca_file.read_bytes())
    text = SOUND.replace("[registry_map.hub]", f'[registry_map.hub]\nregistry_ca = "{registry}"')
    before = load(tmp_path, text, {"NOMAD_CACERT": str(nomad)})
    assert before.sources == (before.file, registry, nomad)
    registry.write_text(registry.read_text() + "\n")
    with_registry = load(tmp_path, text, {"NOMAD_CACERT": str(nomad)})
    assert endpoints(with_registry.registries) != endpoints(before.registries)
    assert nomad_connection(with_registry.nomad) == nomad_connection(before.nomad)
    nomad.write_text(nomad.read_text() + "\n")
    with_both = load(tmp_path, text, {"NOMAD_CACERT": str(nomad)})
    assert nomad_connection(with_both.nomad) != nomad_connection(before.nomad)
    assert len({each.fingerprint for each in (before, with_registry, with_both)}) == 3
    assert before.configuration == with_both.configuration


@pytest.mark.parametrize(
    ("address", "ui"),
    [("https://nomad.example:4646", "https://nomad.example:4646"), ("unix:///secrets/api.sock", "")],
)
def test_nomads_pages_are_at_its_address_unless_that_is_a_socket(address: str, ui: str) -> None:
    assert replace(DEFAULTS, nomad=replace(DEFAULTS.nomad, address=address)).nomad_ui == ui
