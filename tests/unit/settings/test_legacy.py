"""The predecessor's file loads unchanged."""

from pathlib import Path

import pytest

from app.domain.reference import Repository
from app.domain.watch import DeployBy, JobPlace, Watch
from app.settings import Settings, load_settings
from tests.unit.settings.files import FIXTURES


@pytest.fixture(scope="module")
def legacy() -> Settings:
    return load_settings(FIXTURES / "legacy.toml", {})


def test_watches_in_the_order_of_watched_repositories(legacy: Settings) -> None:
    assert legacy.watches == (
        Watch(
            name="storefront",
            registry="dockerhub",
            repository=Repository(host="docker.io", path="acme/storefront"),
            place=JobPlace(region="", namespace="default", job_id="storefront"),
            task="web",
            group=None,
            deploy_by=DeployBy.DIGEST,
            observe_only=False,
        ),
        Watch(
            name="billing-api",
            registry="internal",
            repository=Repository(host="registry.example:5000", path="shop/billing-api"),
            place=JobPlace(region="", namespace="default", job_id="billing"),
            task="api",
        ),
    )


def test_decodes_credentials_with_a_colon_and_a_final_newline(legacy: Settings) -> None:
    internal = legacy.registries["internal"]
    assert (internal.username, internal.password.reveal()) == ("deploy", "pa:ss")


def test_a_docker_hub_entry_without_login_takes_the_dockerhub_credentials(legacy: Settings) -> None:
    hub = legacy.registries["dockerhub"]
    assert (hub.username, hub.password.reveal()) == ("acmebot", "legacy-hub-secret")


def test_takes_the_plain_settings(legacy: Settings) -> None:
    assert (legacy.host, legacy.port, legacy.poll_interval) == ("0.0.0.0", 8080, 90.0)
    (channel,) = legacy.channels.values()
    assert (channel.name, channel.kind) == ("slack", "slack")
    assert channel.keys["webhook_url"].reveal() == "https://hooks.slack.example/services/T000/B000/legacy"
    assert legacy.database_url.reveal().endswith("/watcher?sslmode=disable")
    assert legacy.create_database_schema


def test_names_the_unused_keys_in_one_warning_and_what_is_not_watched_in_another(legacy: Settings) -> None:
    unused, idle = legacy.warnings
    assert unused == (
        "These keys of the Go service are accepted and not used: is_test, base_public_image, "
        "registry_container_image, registry_container_port, postgres_container_image, postgres_container_port, "
        "dockerhub_url, dockerhub_namespace, repo_map.storefront.test."
    )
    assert idle == "These are not watched, since watched_repositories lacks them: repo_map.retired."


def test_what_it_did_not_know_has_its_default(legacy: Settings) -> None:
    assert (legacy.redis_url.reveal(), legacy.redis_given) == ("redis://localhost:6379/0", False)
    assert legacy.nomad.address == "http://127.0.0.1:4646"
    assert (legacy.retention_days, legacy.rollout_stall_after) == (90, 900.0)
    assert (dict(legacy.webhook_sources), legacy.api_tokens, legacy.external_url) == ({}, (), "")


def test_unused_docker_hub_credentials_are_named_too(tmp_path: Path) -> None:
    text = (FIXTURES / "legacy.toml").read_text().replace("registry-1.docker.io", "ghcr.io")
    (tmp_path / "config.toml").write_text(text)
    assert "dockerhub_username, dockerhub_secret" in load_settings(tmp_path / "config.toml", {}).warnings[0]
