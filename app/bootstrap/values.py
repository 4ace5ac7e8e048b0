"""Settings as the values that the services, the adapters and the web take. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from app.adapters.nomad import NomadConnection
from app.adapters.registry import RegistryEndpoint
from app.domain.rollout import Patience
from app.services.reconcile.fleet import Fleet
from app.services.reconcile.reconciler import ReconcileSettings
from app.settings import NomadSettings, RegistryEndpointSettings, Settings
from app.settings.outward import outward
from app.web.http.auth import Access, AccessToken, Role


class AccessRatchet:
    """Access by the settings in force, for one process. A reload never gives callers without a token more rights.

    A process trusts callers on this machine without a token from its start on, or never.
    """

    def __init__(self) -> None:
        self._guarded = False
        self._outward = ""

    def read(self, settings: Settings) -> Access:
        """The access by these settings, and by those in force before them."""
        fresh = access(settings)
        self._guarded = self._guarded or fresh.guarded
        self._outward = fresh.outward or self._outward
        return replace(fresh, guarded=self._guarded, outward=self._outward)


def access(settings: Settings) -> Access:
    """The access to the API by these settings alone."""
    external = urlsplit(settings.external_url)
    return Access(
        tokens=tuple(
            AccessToken(
                name=token.name, role=Role[token.role.name], matches=token.secret.matches, sign=token.secret.sign
            )
            for token in settings.api_tokens
        ),
        guarded=bool(settings.api_tokens),
        outward=outward(settings.external_url),
        hosts=frozenset({external.hostname} if external.hostname else ()),
        origins=frozenset({_origin(external)} if external.hostname else ()),
        https=external.scheme == "https",
    )


def reconcile_settings(settings: Settings) -> ReconcileSettings:
    """The settings of every reconcile."""
    return ReconcileSettings(
        lease=settings.lease_seconds,
        reread_job=settings.job_reread_interval,
        stall_after=settings.rollout_stall_after,
        fleet=Fleet(
            max_rollouts=settings.max_rollouts,
            stop_after_failure=settings.stop_after_failure,
            own_job=settings.own_job,
        ),
    )


def patience(settings: Settings) -> Patience:
    """How long a rollout may take."""
    return Patience(stall_after=settings.rollout_stall_after, deadline=settings.rollout_deadline)


def endpoints(registries: Mapping[str, RegistryEndpointSettings]) -> dict[str, RegistryEndpoint]:
    """The registries of the settings, as the client takes them."""
    return {
        name: RegistryEndpoint(
            name=name,
            scheme=each.scheme,
            domain=each.domain,
            username=each.username,
            password=each.password.reveal(),
            ca_file=str(each.ca_file) if each.ca_file else None,
            ca_read=each.ca_read,
        )
        for name, each in registries.items()
    }


def nomad_connection(nomad: NomadSettings) -> NomadConnection:
    """Nomad's settings, as the deployer takes them. Raises ConfigError for those that cannot work."""
    connection = NomadConnection(
        address=nomad.address,
        token=nomad.token.reveal(),
        token_file=_text(nomad.token_file),
        namespace=nomad.namespace,
        region=nomad.region,
        ca_cert=_text(nomad.ca_cert),
        ca_path=_text(nomad.ca_path),
        client_cert=_text(nomad.client_cert),
        client_key=_text(nomad.client_key),
        pem_read=nomad.pem_read,
        tls_server_name=nomad.tls_server_name,
        skip_verify=nomad.skip_verify,
        http_auth=nomad.http_auth.reveal(),
        vault_token=nomad.vault_token.reveal(),
    )
    connection.check()
    return connection


def _origin(url: SplitResult) -> str:
    """The host and port as a browser sends them: without the scheme's default port."""
    usual = {"http": ":80", "https": ":443"}.get(url.scheme, "")
    return url.netloc.rpartition("@")[2].lower().removesuffix(usual)


def _text(path: Path | None) -> str:
    return str(path) if path else ""
