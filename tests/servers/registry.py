"""A real CNCF Distribution (Debian's docker-registry) for tests; the ways to push to it are in pushes.py.

A laptop without the program skips such a test; where CI is set its absence is an error.
"""

from __future__ import annotations

import json
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from app.local.daemon import Daemon
from tests.servers.ports import free_port
from tests.servers.programs import need
from tests.servers.pushes import push_image, skopeo_push, write_oci_layout
from tests.servers.tls import Certificate

__all__ = ["PASSWORD", "USER", "Endpoint", "RealRegistry", "push_image", "skopeo_push", "write_oci_layout"]

USER, PASSWORD = "ci-bot", "correct horse"
# `htpasswd -nbB`: a constant, because apache2-utils and Python's bcrypt may both be missing.
HTPASSWD_LINE = "ci-bot:$2y$05$h2ZI3K7EB58RZikBKuK//uN84YuE8m63AT70Euc64hpKqCmM51MaS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One entry of `notifications.endpoints`; the snippet of docs/registries.md, with shorter times."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: str = "3s"
    threshold: int = 5
    backoff: str = "1s"
    ignore_media_types: Sequence[str] = ("application/octet-stream",)
    ignore_actions: Sequence[str] = ("pull", "mount")

    def config(self) -> dict[str, object]:
        return {
            "name": "registrywatcher",
            "url": self.url,
            "headers": {name: [value] for name, value in self.headers.items()},
            "timeout": self.timeout,
            "threshold": self.threshold,
            "backoff": self.backoff,
            "ignore": {"mediatypes": list(self.ignore_media_types), "actions": list(self.ignore_actions)},
        }


@dataclass(slots=True, kw_only=True)
class RealRegistry:
    """`with RealRegistry(…) as registry: registry.url`. Storage is temporary; deletes are allowed.

    With a `certificate` it serves TLS. With `htpasswd` its only user is USER with PASSWORD.
    """

    notifications: Sequence[Endpoint] = ()
    certificate: Certificate | None = None
    htpasswd: bool = False
    port: int = field(default_factory=free_port)
    _directory: tempfile.TemporaryDirectory[str] | None = None
    _daemon: Daemon | None = None

    @property
    def host(self) -> str:
        """`127.0.0.1:port`, as in a reference."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://{self.host}"

    @property
    def credentials(self) -> tuple[str, str] | None:
        return (USER, PASSWORD) if self.htpasswd else None

    def client(self) -> httpx.AsyncClient:
        """An HTTP client with the base URL, credentials and CA of this registry."""
        trust = ssl.create_default_context(cafile=self.certificate.ca_file) if self.certificate else True
        return httpx.AsyncClient(base_url=self.url, auth=self.credentials, verify=trust, trust_env=False)

    def __enter__(self) -> Self:
        program = need("docker-registry")
        self._directory = tempfile.TemporaryDirectory(prefix="registry-")
        root = Path(self._directory.name)
        (root / "htpasswd").write_text(HTPASSWD_LINE + "\n")
        (root / "config.yml").write_text(json.dumps(self._config(root)))  # JSON is YAML
        self._daemon = Daemon([program, "serve", str(root / "config.yml")], log=root / "registry.log", grace=2)
        try:
            self._daemon.start(self._ready, timeout=20)
        except BaseException:
            self._directory.cleanup()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._daemon is not None
        assert self._directory is not None
        self._daemon.kill()
        self._directory.cleanup()

    def _ready(self) -> bool:
        try:
            answer = httpx.get(f"{self.url}/v2/", verify=False, trust_env=False, timeout=1)
        except httpx.TransportError:
            return False
        return answer.status_code in (200, 401)

    def _config(self, root: Path) -> dict[str, Any]:
        config: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(root / "storage")}, "delete": {"enabled": True}},
            "http": {"addr": self.host},
            "notifications": {"endpoints": [endpoint.config() for endpoint in self.notifications]},
        }
        if self.certificate:
            files = {"certificate": self.certificate.chain_file, "key": self.certificate.key_file}
            config["http"]["tls"] = {name: str(file) for name, file in files.items()}
        if self.htpasswd:
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(root / "htpasswd")}}
        return config
