"""No secret is ever printed: a canary in every value, through every fault, warning, summary and repr."""

from pathlib import Path

import pytest

from app.errors import ConfigError
from app.settings import load_settings, summarise
from tests.unit.settings.files import SOUND, faults, load

CANARY = "c4n4ry"

EVERY_SECRET = (
    f"""
webhook_url = "https://hooks.example/{CANARY}"
database_url = "postgresql://user:{CANARY}@db/app?sslmode=require"
redis_url = "redis://:{CANARY}@redis:6379"
dockerhub_username = "user"
dockerhub_secret = "{CANARY}"
"""
    + SOUND.replace("[repo_map", 'registry_auth = "dXNlcjpjNG40cnk="\n[repo_map')
    + f"""
[nomad]
token = "{CANARY}"
http_auth = "user:{CANARY}"
vault_token = "{CANARY}"
[webhooks.distribution]
secret = "{CANARY}"
previous_secret = "{CANARY}-old"
[notifiers.ops]
kind = "slack"
webhook_url = "https://hooks.example/{CANARY}"
[api_tokens.ci]
role = "admin"
token = "{CANARY}"
"""
)


def test_a_sound_configuration_shows_none(tmp_path: Path) -> None:
    settings = load(tmp_path, EVERY_SECRET)
    assert settings.registries["hub"].password.reveal() == CANARY
    shown = f"{settings!r} {settings} {settings.registries['hub']!r} {settings.warnings} {list(summarise(settings))}"
    assert CANARY not in shown


@pytest.mark.parametrize("key", ["poll_interval", "retention_days", "observe_only", "server_listening_address",
    "external_url", "webhook_url", "database_url", "redis_url", "is_tset"])  # fmt: skip
@pytest.mark.parametrize("value", [f'"{CANARY}"', f'"{CANARY}://u:{CANARY}@h:x"', f'["{CANARY}"]', f'"$YOUR_{CANARY}"'])
def test_no_fault_repeats_a_value_of_the_file(tmp_path: Path, key: str, value: str) -> None:
    assert CANARY not in shown(tmp_path, f"{key} = {value}\n{SOUND}")


@pytest.mark.parametrize(
    "value", [f"{CANARY} {CANARY}", f"postgres://u:{CANARY}@h/d?sslmode={CANARY}", f"$YOUR_{CANARY}", f"{CANARY}\n:"]
)
@pytest.mark.parametrize(
    "name",
    [
        "DATABASE_URL_FILE",
        "NOMAD_TOKEN_FILE",
        "NOMAD_CACERT",
        "NOMAD_CAPATH",
        "NOMAD_SKIP_VERIFY",
        "NOMAD_ADDR",
        "PORT",
        "REGISTRYWATCHER_DATABASE_URL",
        "REGISTRYWATCHER_WEBHOOKS",
        "REGISTRYWATCHER_NO_SUCH_KEY",
        "REGISTRYWATCHER_REGISTRY_MAP__HUB__REGISTRY_CA",
        "REGISTRYWATCHER_REGISTRY_MAP__HUB__REGISTRY_AUTH",
        "REGISTRYWATCHER_REGISTRY_MAP__HUB__REGISTRY_DOMAIN",
        "REGISTRYWATCHER_REGISTRY_MAP__HUB__REGISTRY_SCHEME",
        "REGISTRYWATCHER_API_TOKENS__X__ROLE",
    ],
)
def test_no_fault_repeats_a_value_of_the_environment(tmp_path: Path, name: str, value: str) -> None:
    assert CANARY not in shown(tmp_path, SOUND, {name: value})


def test_what_stands_in_a_secrets_file_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(CANARY)
    assert CANARY not in shown(tmp_path, SOUND, {"DATABASE_URL_FILE": str(tmp_path / "secret")})


@pytest.mark.parametrize(
    "text",
    [
        f'secret = "{CANARY}',
        f'secret = "{CANARY}" {CANARY}',
        f'secret = "\\q{CANARY}"',
        f"secret = {CANARY}",
        f"secret {CANARY}",
        f'secret = "{CANARY}"\nsecret = "{CANARY}"',
    ],
)
def test_no_syntax_fault_quotes_the_line(tmp_path: Path, text: str) -> None:
    assert CANARY not in shown(tmp_path, text)


def test_a_file_that_is_no_text_is_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(f'secret = "{CANARY}'.encode() + b'\xff"')
    with pytest.raises(ConfigError) as caught:
        load_settings(file, {})
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


def shown(folder: Path, text: str, environ: dict[str, str] | None = None) -> str:
    """All that a person could see of the faults of this file."""
    found = faults(folder, text, environ)
    return f"{found!r} {[str(fault) for fault in found]}"
