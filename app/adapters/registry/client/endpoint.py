"""One entry of `registry_map` as this adapter needs it: the address of a registry, and our credentials there."""

from dataclasses import dataclass, field

_DOCKER_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry.hub.docker.com"})
_DOCKER_HUB_API = "registry-1.docker.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEndpoint:
    """The address of a registry, and our credentials; `ca_file` (PEM) is trusted in addition to the public authorities.

    `ca_read` is the fingerprint of the file's content, so that a renewed file makes a new endpoint. `domain` is a host
    with an optional port. `docker.io` is only a name; the host of its API is registry-1.docker.io.
    """

    name: str
    scheme: str
    domain: str
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str | None = None
    ca_read: str = ""

    @property
    def origin(self) -> str:
        """`scheme://host[:port]` of the API."""
        domain = self.domain.lower()
        return f"{self.scheme}://{_DOCKER_HUB_API if domain in _DOCKER_HUB_NAMES else domain}"

    @property
    def has_credentials(self) -> bool:
        return bool(self.username or self.password)
