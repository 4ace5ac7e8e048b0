"""What the program is told by its configuration, as values. It must not read files or the environment.

Seconds are floats. A Secret that is empty was not configured. Every value here was checked by `load_settings`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.domain.watch import JobPlace, Watch
from app.settings.secret import Secret


class TokenRole(StrEnum):
    """What an API token may do; each role may do what the ones before it may."""

    VIEWER = "viewer"
    DEPLOYER = "deployer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEndpointSettings:
    """One `[registry_map.NAME]`: where the registry is, and how to sign in. An empty user name means anonymous.

    `domain` is as configured; `prefix` has no slash at its ends; `ca_file` is a PEM file to trust
    besides the system's, None for the system's alone; `ca_read` is the fingerprint of what it held.
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
    """How to reach Nomad: the same words as Nomad's own NOMAD_… variables, https://developer.hashicorp.com/nomad/commands.

    `token_file` wins over `token` and is to be read again for each use, since workload identities rotate. `pem_read` is
    the fingerprint of what the certificates' files held. `http_auth` is `user:password`. An empty `region` is the
    agent's own. `vault_token` goes with a registration.
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
    """One `[webhooks.NAME]`: who may post to `/webhooks/NAME`. All of `secrets` are valid at once, the newest first."""

    kind: str
    secrets: tuple[Secret, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """One `[notifiers.NAME]`: a channel of this kind, with what its kind needs, by key. Any of it may be secret."""

    name: str
    kind: str
    keys: Mapping[str, Secret]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """One `[api_tokens.NAME]`: who may call the API, and what for."""

    name: str
    role: TokenRole
    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that configuration file, environment and defaults say, checked.

    `file` is the file that was read, None when the environment alone was enough. `sources` are that file, those that
    `…_FILE` variables name, and certificates; `fingerprint` is of what they held as they were read. `configuration` is
    the fingerprint of what all processes of one installation should have in common. `written` is whether the file says
    anything. `address` is where to listen by the configuration, whatever an option said.

    `watches` stand in the order of `watched_repositories`; a watch's `observe_only` is already true when the global
    switch is on. `redis_given` tells whether `redis_url` was configured or is the default. `warnings` are for the log,
    once. `max_rollouts` 0 is no limit; `own_job` is the job that runs this program, in any region, None when it runs in
    none.
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
