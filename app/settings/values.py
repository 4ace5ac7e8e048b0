"""The configuration as values. It must not read files or the environment.

Seconds are floats. An empty Secret was not configured. `load_settings` checked every value here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.domain.watch import JobPlace, Watch
from app.settings.secret import Secret


class TokenRole(StrEnum):
    """The rights of an API token; each role has the rights of those before it."""

    VIEWER = "viewer"
    DEPLOYER = "deployer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEndpointSettings:
    """One `[registry_map.NAME]`: the registry's address and credentials. An empty user name means anonymous.

    `domain` is as configured; `prefix` has no slash at its ends; `ca_file` is a PEM file to trust in addition to the
    system's authorities, None for those alone; `ca_read` is the fingerprint of its content.
    """

    name: str
    scheme: str
    domain: str
    prefix: str
    username: str
    password: Secret
    ca_file: Path | None
    ca_read: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NomadSettings:
    """The connection to Nomad, in the words of Nomad's own NOMAD_… variables, https://developer.hashicorp.com/nomad/commands.

    `token_file` wins over `token`, and must be read again for each use, since workload identities rotate. `pem_read` is
    the fingerprint of the certificates' files. `http_auth` is `user:password`. An empty `region` is the agent's own.
    `vault_token` is sent with a registration.
    """

    address: str
    region: str
    namespace: str
    token: Secret
    token_file: Path | None
    http_auth: Secret
    ca_cert: Path | None
    ca_path: Path | None
    client_cert: Path | None
    client_key: Path | None
    pem_read: str
    tls_server_name: str
    skip_verify: bool
    vault_token: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSource:
    """One `[webhooks.NAME]`: who may post to `/webhooks/NAME`. All of `secrets` are valid, the newest first."""

    kind: str
    secrets: tuple[Secret, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """One `[notifiers.NAME]`: a channel of this kind, with the keys that its kind needs. Any of them may be secret."""

    name: str
    kind: str
    keys: Mapping[str, Secret]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """One `[api_tokens.NAME]`: a caller of the API, and the caller's role."""

    name: str
    role: TokenRole
    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The checked settings of configuration file, environment and defaults.

    `file` is the file that was read, None for the environment alone. `sources` are that file, the files of `…_FILE`
    variables, and certificates; `fingerprint` is that of their content. `configuration` is the fingerprint of the
    settings that all processes of one installation should share. `written` is whether the file has any key. `address`
    is the address to listen on by the configuration; options do not change it.

    `watches` are in the order of `watched_repositories`; a watch's `observe_only` is true when the global switch is on.
    `redis_given` is whether `redis_url` was configured, not the default. `warnings` are logged at the start.
    `max_rollouts` 0 is no limit; `own_job` is the job that runs this program, in any region, None outside Nomad.
    """

    file: Path | None
    sources: tuple[Path, ...]
    fingerprint: str
    configuration: str
    written: bool
    address: str
    host: str
    port: int
    external_url: str
    poll_interval: float
    watches: tuple[Watch, ...]
    registries: Mapping[str, RegistryEndpointSettings]
    nomad: NomadSettings
    channels: Mapping[str, ChannelSettings]
    database_url: Secret
    create_database_schema: bool
    redis_url: Secret
    redis_given: bool
    webhook_sources: Mapping[str, WebhookSource]
    api_tokens: tuple[ApiToken, ...]
    observe_only: bool
    max_body_bytes: int
    retention_days: int
    rollout_stall_after: float
    rollout_deadline: float
    job_reread_interval: float
    lease_seconds: float
    max_rollouts: int
    stop_after_failure: bool
    own_job: JobPlace | None
    warnings: tuple[str, ...]

    @property
    def nomad_ui(self) -> str:
        """The address of Nomad's UI, which is that of its API; "" for a socket of this machine."""
        return self.nomad.address if self.nomad.address.startswith(("http://", "https://")) else ""
