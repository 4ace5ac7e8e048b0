"""One entry of `registry_map` as this adapter needs it: where a registry is and who we are there."""

from dataclasses import dataclass, field

_DOCKER_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry.hub.docker.com"})
_DOCKER_HUB_API = "registry-1.docker.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEndpoint:
    """Where a registry answers and who we are there; `ca_file` (PEM) is trusted beside the public authorities.

    A renewed file makes another endpoint: `ca_read` stands for what it held.

    `domain` is a host with an optional port. `docker.io` is a name and no API host: that is
    registry-1.docker.io.
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
