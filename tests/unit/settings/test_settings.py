"""What the keys mean together, beyond what the legacy file shows."""

from pathlib import Path

import pytest

from app.domain.reference import Repository
from app.domain.watch import DeployBy, JobPlace
from app.settings import TokenRole, summarise
from app.settings.outward import outward
from tests.unit.settings.files import SOUND, load

HUB = 'registry_domain = "registry.example"\nregistry_prefix = "team"'


@pytest.mark.parametrize(
    ("registry", "repository", "expected"),
    [
        (HUB, "", "registry.example/team/app"),
        (HUB, "other/name", "registry.example/other/name"),
        (HUB, "registry.example/other/name", "registry.example/other/name"),
        ('registry_domain = "registry.example"', "", "registry.example/app"),
        ('registry_domain = "registry.example"\nregistry_prefix = "/a/b/"', "", "registry.example/a/b/app"),
        ('registry_domain = "docker.io"', "", "docker.io/library/app"),
    ],
)
def test_the_repository_is_prefix_and_name_unless_it_is_set(
    tmp_path: Path, registry: str, repository: str, expected: str
) -> None:
    text = SOUND.replace(HUB, registry) + (f'repository = "{repository}"' if repository else "")
    host, _, path = expected.partition("/")
    assert load(tmp_path, text).watches[0].repository == Repository(host=host, path=path)


def test_a_watch_has_a_place_a_group_and_a_way_of_its_own(tmp_path: Path) -> None:
    place = 'nomad_group_name = "web"\nnomad_namespace = "apps"\nnomad_region = "eu"\n'
    watch = load(tmp_path, SOUND + place + 'deploy_by = "tag"\nobserve_only = true').watches[0]
    assert watch.place == JobPlace(region="eu", namespace="apps", job_id="job")
    assert (watch.group, watch.deploy_by, watch.observe_only) == ("web", DeployBy.TAG, True)


def test_the_global_switch_makes_every_watch_only_observe(tmp_path: Path) -> None:
    settings = load(tmp_path, "observe_only = true" + SOUND)
    assert (settings.observe_only, settings.watches[0].observe_only) == (True, True)


def test_rollouts_are_bounded_when_that_is_said(tmp_path: Path) -> None:
    settings = load(tmp_path, "max_rollouts = 3\nstop_after_failure = true" + SOUND)
    assert (settings.max_rollouts, settings.stop_after_failure) == (3, True)
    settings = load(tmp_path, SOUND)
    assert (settings.max_rollouts, settings.stop_after_failure) == (0, False)


def test_a_watch_says_when_canaries_are_promoted_and_whether_failures_are_taken_back(tmp_path: Path) -> None:
    watch = load(tmp_path, SOUND + 'promote_after = "10m"\nrevert_on_failure = false').watches[0]
    assert (watch.promote_after, watch.revert_on_failure) == (600.0, False)
    watch = load(tmp_path, SOUND).watches[0]
    assert (watch.promote_after, watch.revert_on_failure) == (None, True)


IN_NOMAD = {"NOMAD_JOB_ID": "self/ish", "NOMAD_NAMESPACE": "ops"}


@pytest.mark.parametrize(
    ("said", "environ", "expected"),
    [
        ("", {}, None),
        ("", IN_NOMAD, ("ops", "self/ish")),
        ("", {"NOMAD_JOB_ID": "self"}, ("default", "self")),
        ('own_job = ""', IN_NOMAD, None),
        ('own_job = "other"', IN_NOMAD, ("ops", "other")),
        ('own_job = "other"', {}, ("default", "other")),
        ('own_job = "apps/other/one"', IN_NOMAD, ("apps", "other/one")),
        ("", {**IN_NOMAD, "REGISTRYWATCHER_OWN_JOB": "other"}, ("ops", "other")),
        ("", {**IN_NOMAD, "REGISTRYWATCHER_NOMAD__NAMESPACE": "apps"}, ("ops", "self/ish")),
    ],
)
def test_the_own_job_is_what_nomad_says_unless_it_is_set(
    tmp_path: Path, said: str, environ: dict[str, str], expected: tuple[str, str] | None
) -> None:
    own = load(tmp_path, said + SOUND, environ).own_job
    assert own == (JobPlace(region="", namespace=expected[0], job_id=expected[1]) if expected else None)


def test_a_repository_listed_twice_is_watched_once(tmp_path: Path) -> None:
    assert len(load(tmp_path, SOUND.replace('["app"]', '["app", "app"]')).watches) == 1


def test_names_may_stand_in_one_text_as_the_predecessor_took_them(tmp_path: Path) -> None:
    assert len(load(tmp_path, SOUND.replace('["app"]', '"app"')).watches) == 1


@pytest.mark.parametrize(
    ("auth", "login"),
    [
        ("dXNlcjpwYXNz", ("user", "pass")),
        ("dXNlcjpwYXNzCg==", ("user", "pass")),
        ("dXNlcjpwYXNzDQo=", ("user", "pass")),
        ("dXNlcjpw\\nYXNz\\n", ("user", "pass")),
        ("dXNlcjpwOmE6c3M=", ("user", "p:a:ss")),
        ("dXNlcjo=", ("user", "")),
        ("", ("", "")),
    ],
)
def test_registry_auth_is_base64_of_user_and_password(tmp_path: Path, auth: str, login: tuple[str, str]) -> None:
    registry = load(tmp_path, SOUND.replace("[repo_map", f'registry_auth = "{auth}"\n[repo_map')).registries["hub"]
    assert (registry.username, registry.password.reveal()) == login


def test_docker_hub_credentials_go_to_docker_hub_alone_and_not_before_its_own(tmp_path: Path) -> None:
    text = """
dockerhub_username = "bot"
dockerhub_secret = "hub"
[registry_map.plain]
registry_domain = "index.docker.io"
[registry_map.own]
registry_domain = "docker.io"
registry_auth = "dXNlcjpwYXNz"
[registry_map.other]
registry_domain = "ghcr.io"
"""
    registries = load(tmp_path, text).registries
    assert {name: registry.username for name, registry in registries.items()} == {
        "plain": "bot",
        "own": "user",
        "other": "",
    }
    alone = load(tmp_path, text.replace('dockerhub_secret = "hub"', ""))
    assert alone.registries["plain"].username == ""
    assert "dockerhub_username" in alone.warnings[0]


def test_files_and_the_empty_text(tmp_path: Path) -> None:
    pem = tmp_path / "ca.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----\n")
    settings = load(tmp_path, SOUND.replace("[repo_map", f'registry_ca = "{pem}"\n[repo_map') + '[nomad]\nca_cert = ""')
    assert settings.registries["hub"].ca_file == pem
    assert settings.nomad.ca_cert is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("0.0.0.0:8080", ("0.0.0.0", 8080)),
        (":8080", ("0.0.0.0", 8080)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:80", ("::1", 80)),
        ("web.example:65535", ("web.example", 65535)),
    ],
)
def test_addresses_are_gos(tmp_path: Path, address: str, expected: tuple[str, int]) -> None:
    settings = load(tmp_path, f'server_listening_address = "{address}"' + SOUND)
    assert (settings.host, settings.port) == expected


def test_webhook_sources_and_tokens(tmp_path: Path) -> None:
    text = """
[webhooks.distribution]
secret = "new"
previous_secret = "old"
[webhooks.second]
kind = "distribution"
secret = "other"
[api_tokens.reader]
role = "viewer"
token = "r"
[api_tokens.boss]
role = "admin"
token = "b"
"""
    settings = load(tmp_path, SOUND + text)
    assert {
        name: (source.kind, [secret.reveal() for secret in source.secrets])
        for name, source in settings.webhook_sources.items()
    } == {
        "distribution": ("distribution", ["new", "old"]),
        "second": ("distribution", ["other"]),
    }
    assert [(token.name, token.role) for token in settings.api_tokens] == [
        ("reader", TokenRole.VIEWER),
        ("boss", TokenRole.ADMIN),
    ]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("", ""),
        ("http://localhost:8080", ""),
        ("http://127.0.0.1:8080", ""),
        ("http://[::1]:8080", ""),
        ("https://deploys.example", "deploys.example"),
        ("http://127.0.0.1.nip.io:8080", "127.0.0.1.nip.io"),
        ("http://10.1.2.3", "10.1.2.3"),
        ("http:///deploys", "http:///deploys"),
    ],
)
def test_a_service_that_others_reach_needs_tokens_and_says_so(tmp_path: Path, url: str, host: str) -> None:
    text = f'external_url = "{url}"' + SOUND
    settings = load(tmp_path, text)
    assert outward(settings.external_url) == host
    assert [warning for warning in settings.warnings if "[api_tokens.NAME]" in warning] == [*settings.warnings]
    assert [f"external_url ({host})" in warning for warning in settings.warnings] == ([True] if host else [])
    assert [line for line in summarise(settings) if line.startswith("warning: Nobody may change")] or not host
    assert load(tmp_path, text + '[api_tokens.boss]\nrole = "admin"\ntoken = "secret"\n').warnings == ()


def test_the_summary_tells_what_matters(tmp_path: Path) -> None:
    text = SOUND + 'nomad_group_name = "web"\nobserve_only = true\n[webhooks.distribution]\nsecret = "s"\n'
    lines = list(summarise(load(tmp_path, "retention_days = 5" + text, {"NOMAD_SKIP_VERIFY": "true"})))
    assert lines[0] == f"OK: {tmp_path / 'config.toml'}"
    assert "  watches app: registry.example/team/app for job job, task web/task, observes only" in lines
    assert "  registry hub: https://registry.example, anonymous" in lines
    assert "  webhooks: distribution" in lines
    assert lines[-1].startswith("warning: Nomad's certificate")


def test_the_summary_tells_how_rollouts_go(tmp_path: Path) -> None:
    assert "  rolls out any number at once" in summarise(load(tmp_path, SOUND))
    text = 'max_rollouts = 3\nstop_after_failure = true\nown_job = "ops/self"' + SOUND
    text += 'promote_after = "10m"\nrevert_on_failure = false'
    lines = list(summarise(load(tmp_path, text)))
    assert "  rolls out 3 at once, stops after a failure, its own job ops/self last" in lines
    assert any(line.endswith(", promotes canaries after 600 s, reverts nothing") for line in lines)


def test_the_external_url_has_no_final_slash(tmp_path: Path) -> None:
    assert load(tmp_path, 'external_url = "https://rw.example/"' + SOUND).external_url == "https://rw.example"


def test_an_empty_nomad_address_and_namespace_mean_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, SOUND + '[nomad]\naddress = ""\nnamespace = ""\n')
    assert (settings.nomad.address, settings.nomad.namespace) == ("http://127.0.0.1:4646", "default")
