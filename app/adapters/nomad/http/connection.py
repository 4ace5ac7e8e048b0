"""The address of Nomad and how to connect to it: the values of the NOMAD_* variables, which the settings have read.

This module does not read the environment, and a connection's repr shows no secret.
"""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from app.errors import ConfigError, Fault

_SOURCE = "Nomad"


@dataclass(frozen=True, slots=True, kw_only=True)
class NomadConnection:
    """One Nomad agent. Certificates are verified unless `skip_verify`; `timeout` is the seconds for one answer.

    `token_file` wins over `token`. It is read again when it changed or when Nomad refuses the token, because workload
    identities rotate. `pem_read` is a fingerprint of the certificate files: renewed certificates make another
    connection. `region` and `namespace` are used for places that name none. Variables: https://developer.hashicorp.com/nomad/commands#environment-variables
    """

    address: str
    token: str = field(default="", repr=False)
    token_file: str = ""
    namespace: str = "default"
    region: str = ""
    ca_cert: str = ""
    ca_path: str = ""
    client_cert: str = ""
    client_key: str = ""
    pem_read: str = ""
    tls_server_name: str = ""
    skip_verify: bool = False
    http_auth: str = field(default="", repr=False)
    vault_token: str = field(default="", repr=False)
    timeout: float = 10.0

    @property
    def origin(self) -> str:
        """The address for messages, without the user and password before an `@`."""
        scheme, _, rest = self.address.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}".rstrip("/")

    @property
    def socket_path(self) -> str | None:
        """The path of a `unix://` address; None for others."""
        return self.address.removeprefix("unix://") if self.address.startswith("unix://") else None

    def check(self) -> None:
        """Raise ConfigError with every fault that can be found without asking Nomad."""
        faults = (*_address_faults(self), *_file_faults(self))
        if faults:
            raise ConfigError(faults)


def _address_faults(connection: NomadConnection) -> tuple[Fault, ...]:
    if connection.socket_path or _is_http(connection.address):
        return ()
    return (
        _fault(
            "NOMAD_ADDR",
            f"{connection.origin!r} is not an address",
            "Write http://host:4646, https://host:4646 or unix:///path/to/api.sock",
        ),
    )


def _is_http(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # unbalanced brackets, or a port that is not a number
        return False


def _file_faults(connection: NomadConnection) -> tuple[Fault, ...]:
    files = {
        "NOMAD_CACERT": connection.ca_cert,
        "NOMAD_CAPATH": connection.ca_path,
        "NOMAD_CLIENT_CERT": connection.client_cert,
        "NOMAD_CLIENT_KEY": connection.client_key,
    }
    absent = tuple(
        _fault(key, f"{path!r} is not there", "Name a file in PEM form that this process can read")
        for key, path in files.items()
        if path and not Path(path).exists()
    )
    if connection.client_key and not connection.client_cert:
        return (*absent, _fault("NOMAD_CLIENT_CERT", "there is a key without a certificate", "Set both, or neither"))
    return absent


def _fault(key: str, problem: str, fix: str) -> Fault:
    return Fault(source=_SOURCE, key=key, problem=problem, fix=fix)
