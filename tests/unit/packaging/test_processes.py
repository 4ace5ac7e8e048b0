"""Procfile, compose file and Nomad job start commands that exist, with variables that the settings know."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.cli import main
from app.settings import load_settings
from app.settings.variables import Vocabulary
from tests.unit.packaging.documents import ROOT, children, nested, read

COMPOSE = read("docker-compose.yml")
NOMAD_JOB = read("config/nomad/registrywatcher.nomad.hcl")
OURS = ("migrate", "web", "worker", "poller")
OTHER_USES = {"REGISTRYWATCHER_CONFIG", "REGISTRYWATCHER_HEALTH_ADDRESS"}
SECRETS = {"POSTGRES_PASSWORD": "p", "WEBHOOK_SECRET": "w", "API_TOKEN": "t"}


def means_something(variable: str) -> bool:
    return variable in OTHER_USES or Vocabulary({}, []).meaning(variable) is not None


def filled_in(text: str) -> str:
    """As Compose fills in variables, with our secrets alone in the environment."""
    return re.sub(r"\$\{(\w+)[^}]*\}", lambda match: SECRETS.get(match[1], ""), text)


def compose_program() -> list[str]:
    for candidate in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(candidate[0]) and subprocess.run([*candidate, "version"], capture_output=True).returncode == 0:
            return candidate
    pytest.skip("neither `docker compose` nor docker-compose is installed")


def test_the_procfile_starts_the_four_processes() -> None:
    processes = dict(line.split(": ") for line in read("Procfile").splitlines())
    assert list(processes) == ["release", "web", "worker", "poller"]
    for command in processes.values():
        program, name = command.split()
        assert program == "registrywatcher"
        assert name in main.commands


def test_compose_starts_every_process_of_ours_and_the_servers() -> None:
    services = children(nested(COMPOSE, "services"))
    assert list(services) == ["registry", "postgres", "valkey", *OURS]
    for name in OURS:
        service = nested(COMPOSE, "services", name)
        assert children(service)["command"] == f"[{name}]"
        assert name in main.commands


def test_compose_names_no_container_and_keeps_data_in_named_volumes() -> None:
    assert "container_name" not in COMPOSE
    assert set(children(nested(COMPOSE, "volumes"))) == {"registry", "postgres", "valkey"}
    assert "postgres:/var/lib/postgresql" in nested(COMPOSE, "services", "postgres")


@pytest.mark.parametrize("service", ["registry", "postgres", "valkey", "web", "worker", "poller"])
def test_compose_asks_servers_whether_they_are_well(service: str) -> None:
    assert "test" in children(nested(COMPOSE, "services", service, "healthcheck"))


def test_compose_gives_our_processes_variables_that_settings_know() -> None:
    given = children(nested(COMPOSE, "x-registrywatcher", "environment"))
    assert "DATABASE_URL" in given
    assert [name for name in given if not means_something(name)] == []


def test_compose_needs_what_the_example_environment_names() -> None:
    named = set(re.findall(r"^([A-Z_]+)=", read(".env.example"), re.MULTILINE))
    used = dict(re.findall(r"\$\{([A-Z_]+):([?-])", COMPOSE))
    assert set(used) == named
    assert {name for name, how in used.items() if how == "?"} == set(SECRETS)


def test_the_configuration_of_compose_is_sound() -> None:
    environment = children(nested(COMPOSE, "x-registrywatcher", "environment"))
    filled = {name: filled_in(value) for name, value in environment.items()}
    folder = re.search(r'volumes: \["\./(\w+):([^:]+):ro"\]', COMPOSE)
    assert folder is not None
    file = Path(filled.pop("REGISTRYWATCHER_CONFIG").replace(folder[2], str(ROOT / folder[1])))

    settings = load_settings(file, filled)

    assert (settings.host, settings.port, settings.warnings) == ("0.0.0.0", 8080, ())
    assert [secret.reveal() for secret in settings.webhook_sources["distribution"].secrets] == ["w"]
    assert [token.secret.reveal() for token in settings.api_tokens] == ["t"]
    assert settings.database_url.reveal().startswith("postgresql://registrywatcher:p@postgres:5432/")
    assert {registry.domain for registry in settings.registries.values()} == {"registry.localhost:5000"}
    assert "aliases: [registry.localhost]" in nested(COMPOSE, "services", "registry")


def test_docker_compose_understands_the_file(tmp_path: Path) -> None:
    environment = tmp_path / "env"
    environment.write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
    arguments = ["--env-file", str(environment), "-f", str(ROOT / "docker-compose.yml"), "config", "--quiet"]
    ran = subprocess.run([*compose_program(), *arguments], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_docker_compose_says_what_to_do_without_secrets(tmp_path: Path) -> None:
    environment = tmp_path / "env"
    environment.write_text("")
    arguments = ["--env-file", str(environment), "-f", str(ROOT / "docker-compose.yml"), "config", "--quiet"]
    ran = subprocess.run([*compose_program(), *arguments], capture_output=True, text=True)
    assert ran.returncode != 0
    assert "copy .env.example to .env" in ran.stderr


def test_the_nomad_job_starts_every_process_with_variables_that_settings_know() -> None:
    assert sorted(re.findall(r'args += \["([\w-]+)"\]', NOMAD_JOB)) == sorted(OURS)
    assert set(OURS) <= set(main.commands)
    named = set(re.findall(r"^ +([A-Z][A-Z_]+) *=", NOMAD_JOB, re.MULTILINE))
    assert {"NOMAD_ADDR", "NOMAD_TOKEN_FILE", "DATABASE_URL"} <= named
    assert [name for name in named if not means_something(name)] == []


def test_the_nomad_job_reads_the_secrets_that_its_comments_name() -> None:
    told = re.search(r"^#   nomad var put nomad/jobs/registrywatcher (.*)$", NOMAD_JOB, re.MULTILINE)
    assert told is not None
    stored = {pair.partition("=")[0] for pair in told[1].split()}
    assert stored == set(re.findall(r"\{\{ \.(\w+) \}\}", NOMAD_JOB))


def test_the_files_named_in_the_nomad_files_are_there() -> None:
    for name in ("config/nomad/registrywatcher.nomad.hcl", "config/nomad/registrywatcher.policy.hcl"):
        named = re.findall(r"config/[\w./-]+\.\w+", read(name))
        assert named
        assert [path for path in named if not (ROOT / path).is_file()] == []


def test_health_checks_of_worker_and_poller_use_their_health_address() -> None:
    """Compose and Nomad ask a worker and a poller at the port of REGISTRYWATCHER_HEALTH_ADDRESS."""
    address = children(nested(COMPOSE, "x-registrywatcher", "environment"))["REGISTRYWATCHER_HEALTH_ADDRESS"]
    port = address.rpartition(":")[2]
    for name in ("worker", "poller"):
        asked = nested(COMPOSE, "services", name, "healthcheck")
        assert f'HTTPConnection("127.0.0.1", {port}' in asked
        assert "/readyz" in asked
    told = re.search(r'REGISTRYWATCHER_HEALTH_ADDRESS += ":(\d+)"', NOMAD_JOB)
    assert told is not None
    assert NOMAD_JOB.count(f"to = {told[1]}") == 2
    assert NOMAD_JOB.count('ports           = ["health"]') == 2
    assert NOMAD_JOB.count('path     = "/healthz"') == 2
    assert NOMAD_JOB.count('path     = "/readyz"') == 3
