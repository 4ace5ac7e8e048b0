"""Every key of the configuration file, with its kind and default.

Other modules check keys against each other. Keys of the Go service keep their names. config/sample.toml explains all.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.adapters.notifiers import CHANNELS
from app.domain.watch import DeployBy
from app.settings.kinds import (
    Certificates,
    Count,
    Duration,
    ExternalUrl,
    File,
    Folder,
    JobName,
    Limit,
    Names,
    Namespace,
    NomadUrl,
    PostgresUrl,
    RedisUrl,
    SecretText,
    SecretUrl,
    SenderKind,
    SomeTime,
    Text,
    UserAndPassword,
    one_of,
)
from app.settings.secret import NO_SECRET, Secret
from app.settings.values import TokenRole

ChannelName = Annotated[str | None, one_of(CHANNELS)]
NOMAD_ADDRESS = "http://127.0.0.1:4646"


class Table(BaseModel):
    """A TOML table: it refuses unknown keys, and absent ones have their default."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)


class RegistryTable(Table):
    """`[registry_map.NAME]`"""

    registry_scheme: Literal["https", "http"] = "https"
    registry_domain: Text = ""
    registry_prefix: Text = ""
    registry_auth: SecretText = NO_SECRET
    registry_ca: Certificates = None


class RepoTable(Table):
    """`[repo_map.NAME]`; `test` occurs in the Go service's sample, and has no meaning."""

    registry_name: Text = ""
    repository: Text = ""
    nomad_job_name: Text = ""
    nomad_task_name: Text = ""
    nomad_group_name: Text = ""
    nomad_namespace: Namespace = ""
    nomad_region: Text = ""
    deploy_by: DeployBy = DeployBy.DIGEST
    observe_only: bool = False
    promote_after: SomeTime = None
    revert_on_failure: bool = True
    test: Any = None


class NomadTable(Table):
    """`[nomad]`"""

    address: NomadUrl = NOMAD_ADDRESS
    region: Text = ""
    namespace: Namespace = "default"
    token: SecretText = NO_SECRET
    token_file: File = None
    http_auth: UserAndPassword = NO_SECRET
    ca_cert: Certificates = None
    ca_path: Folder = None
    client_cert: Certificates = None
    client_key: File = None
    tls_server_name: Text = ""
    skip_verify: bool = False
    vault_token: SecretText = NO_SECRET


class WebhookTable(Table):
    """`[webhooks.NAME]`"""

    kind: SenderKind = None
    secret: SecretText = NO_SECRET
    previous_secret: SecretText = NO_SECRET


class NotifierTable(Table):
    """`[notifiers.NAME]`: a channel. Each kind says which keys it needs."""

    kind: ChannelName = None
    webhook_url: SecretUrl = NO_SECRET


class ApiTokenTable(Table):
    """`[api_tokens.NAME]`"""

    role: TokenRole | None = None
    token: SecretText = NO_SECRET


class Document(Table):
    """The whole file."""

    server_listening_address: Text = "127.0.0.1:8080"
    external_url: ExternalUrl = ""
    max_body_bytes: Count = 4 * 1024 * 1024
    poll_interval: Duration = 59.0
    watched_repositories: Names = Field(default_factory=list)
    observe_only: bool = False
    rollout_stall_after: Duration = 15 * 60.0
    rollout_deadline: Duration = 60 * 60.0
    job_reread_interval: Duration = 5 * 60.0
    max_rollouts: Limit = 0
    stop_after_failure: bool = False
    own_job: JobName = None
    lease_seconds: Count = 4
    retention_days: Count = 90
    webhook_url: SecretUrl = NO_SECRET
    database_url: PostgresUrl = NO_SECRET
    create_database_schema: bool = False
    redis_url: RedisUrl = NO_SECRET
    dockerhub_url: Text = ""
    dockerhub_namespace: Text = ""
    dockerhub_username: Text = ""
    dockerhub_secret: SecretText = NO_SECRET
    is_test: Any = None
    base_public_image: Any = None
    registry_container_image: Any = None
    registry_container_port: Any = None
    postgres_container_image: Any = None
    postgres_container_port: Any = None
    registry_map: dict[str, RegistryTable] = Field(default_factory=dict)
    repo_map: dict[str, RepoTable] = Field(default_factory=dict)
    nomad: NomadTable = NomadTable()
    webhooks: dict[str, WebhookTable] = Field(default_factory=dict)
    notifiers: dict[str, NotifierTable] = Field(default_factory=dict)
    api_tokens: dict[str, ApiTokenTable] = Field(default_factory=dict)


NAMED_TABLES: dict[str, type[Table]] = {
    "registry_map": RegistryTable,
    "repo_map": RepoTable,
    "webhooks": WebhookTable,
    "notifiers": NotifierTable,
    "api_tokens": ApiTokenTable,
}
UNUSED_KEYS = (
    "is_test",
    "base_public_image",
    "registry_container_image",
    "registry_container_port",
    "postgres_container_image",
    "postgres_container_port",
    "dockerhub_url",
    "dockerhub_namespace",
)


def is_secret(table: type[Table], key: str) -> bool:
    """Whether the key is a secret, so that `…_FILE` may name a file that contains it."""
    return key in table.model_fields and table.model_fields[key].annotation is Secret


def table_at(path: tuple[str, ...]) -> type[Table] | None:
    """The table at `path` (() is the file, ("registry_map", NAME) one registry), or None."""
    match path:
        case ():
            return Document
        case ("nomad",):
            return NomadTable
        case (kind, _):
            return NAMED_TABLES.get(kind)
        case _:
            return None
