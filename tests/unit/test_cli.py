"""The command line: check-config reports everything and no secret; a mistake gives a sentence and no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main
from tests.unit.settings.files import SOUND

PROGRAM = Path(sys.executable).with_name("registrywatcher")
COMMANDS = (
    *("demo", "up", "web", "worker", "poller", "migrate", "check-config", "version"),
    *("promote", "fail", "rollback", "release-hold", "reload", "why"),
)
CANARY = "c4n4ry"


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    file = tmp_path / "sound.toml"
    file.write_text(f'database_url = "postgres://u:{CANARY}@db/d"\n{SOUND}')
    return file


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    file = tmp_path / "faulty.toml"
    file.write_text(f'poll_interval = "{CANARY}"\nwebhook_url = "{CANARY}"\nxyzzy = "{CANARY}"\n{SOUND}')
    return file


def test_check_config_sums_up_a_sound_file(sound: Path) -> None:
    result = CliRunner(env={"REGISTRYWATCHER_CONFIG": None}).invoke(main, ["check-config", "--config", str(sound)])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"OK: {sound}\n")
    assert CANARY not in result.output


def test_check_config_reports_every_fault_with_file_key_and_fix(faulty: Path) -> None:
    result = CliRunner().invoke(main, ["check-config", "--config", str(faulty)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "error: the configuration has 3 faults",
        f'  {faulty}: poll_interval: is not a duration. Write a number with its unit, as "59s", "1m30s" or "500ms".',
        f"  {faulty}: webhook_url: is not a usable URL. Write it as http://… or https://….",
        f"  {faulty}: xyzzy: is not a known key. Remove it.",
    ]


def test_check_config_as_a_program(sound: Path, faulty: Path) -> None:
    good = run("check-config", "--config", str(sound))
    bad = run("check-config", environ={"REGISTRYWATCHER_CONFIG": str(faulty)})
    assert (good.returncode, bad.returncode) == (0, 2)
    assert "3 faults" in bad.stderr
    assert CANARY not in good.stdout + good.stderr + bad.stdout + bad.stderr


@pytest.mark.parametrize("command", ["web", "worker", "poller", "migrate"])
def test_a_process_with_a_faulty_configuration_says_so_and_ends(command: str, faulty: Path) -> None:
    result = run(command, "--config", str(faulty))
    assert result.returncode == 2
    assert "faulty.toml: xyzzy" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_process_needs_a_database(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(SOUND)
    result = run("web", "--config", str(file))
    assert result.returncode == 2
    assert result.stderr == (
        f"error: the configuration has 1 fault\n"
        f"  {file}: database_url: is missing. Set DATABASE_URL, or database_url in the file.\n"
    )


def test_an_outage_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'database_url = "postgres://u:{CANARY}@127.0.0.1:1/d"\n{SOUND}')
    result = run("migrate", "--config", str(file))
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr
    assert CANARY not in result.stdout + result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert command in CliRunner().invoke(main, ["--help"]).output


def test_help_loads_nothing_heavy() -> None:
    """`--help` answers within 0.2 s because of this; the modules are counted, since time is noisy."""
    heavy = "{'pydantic', 'starlette', 'uvicorn', 'asyncpg', 'dramatiq', 'structlog', 'httpx', 'nomad', 'asyncio'}"
    code = f"import sys, app.cli; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_version_is_the_packages() -> None:
    assert run("version").stdout.count(".") == 2


def test_up_reports_the_faults_before_it_starts_anything(faulty: Path, tmp_path: Path) -> None:
    result = run("up", "--config", str(faulty), "--data-dir", str(tmp_path / "data"))
    assert (result.returncode, (tmp_path / "data").exists()) == (2, False)
    assert "faulty.toml: xyzzy" in result.stderr


@pytest.mark.parametrize("command", ["worker", "poller"])
def test_a_health_address_that_is_none_is_a_users_mistake(command: str) -> None:
    for arguments, environ in (
        (["--health-address", "8081"], {}),
        ([], {"REGISTRYWATCHER_HEALTH_ADDRESS": "nonsense"}),
    ):
        result = CliRunner().invoke(main, [command, *arguments], env=environ)
        assert result.exit_code == 2
        assert 'write host and port, as "127.0.0.1:8081"' in result.output


def run(*arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The installed program, with no variables but these."""
    return subprocess.run(
        [PROGRAM, *arguments], env=environ or {}, capture_output=True, text=True, timeout=60, check=False
    )
