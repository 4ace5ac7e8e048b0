"""Given Debian's docker-registry, when skopeo pushes, then Nomad gets a version of the job with the image by digest."""

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.site import PREFIX, SECRET, Site
from tests.servers.registry import PASSWORD, USER, Endpoint, RealRegistry, skopeo_push, write_oci_layout
from tests.servers.tls import Certificate

FINDERS = ("webhook", "poller")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pusher:
    """Pushes with skopeo, as a person does."""

    registry: RealRegistry
    layouts: Path
    cert_dir: Path | None = None

    async def push(self, name: str, tag: str) -> str:
        """Returns the digest."""
        layout = self.layouts / f"{name}-{tag}"
        digest = write_oci_layout(layout, content=f"{name} {tag}")
        await asyncio.to_thread(
            skopeo_push,
            layout,
            f"{self.registry.host}/{PREFIX}/{name}:{tag}",
            credentials=self.registry.credentials,
            tls_verify=self.cert_dir is not None,
            cert_dir=self.cert_dir,
        )
        return digest


@contextmanager
def registry_of(
    installation: Site, finder: str, certificate: Certificate | None = None, *, htpasswd: bool = False
) -> Iterator[RealRegistry]:
    """A registry that sends events to our web process, unless the poller is to find the pushes."""
    endpoint = Endpoint(url=installation.hook, headers={"Authorization": f"Bearer {SECRET}"})
    notifications = (endpoint,) if finder == "webhook" else ()
    with RealRegistry(notifications=notifications, certificate=certificate, htpasswd=htpasswd) as registry:
        yield registry


async def deploys_what_is_pushed(installation: Site, pusher: Pusher, finder: str) -> None:
    """v1.0.0 runs by tag, v1.1.0 is pushed; only the chosen finder can find it."""
    host = pusher.registry.host
    first = await pusher.push("app", "v1.0.0")
    installation.run_job("app", f"{host}/{PREFIX}/app:v1.0.0")
    await installation.run("web", "worker", *(["poller"] if finder == "poller" else []))
    async with installation.api() as api:
        await installation.holds(api, "app", "up_to_date")
        second = await pusher.push("app", "v1.1.0")
        assert second != first
        await installation.registers("app", f"{host}/{PREFIX}/app:v1.1.0@{second}")
        await installation.holds(api, "app", "up_to_date")
    assert installation.registered("app") == [f"{host}/{PREFIX}/app:v1.1.0@{second}"]


@pytest.mark.parametrize("finder", FINDERS)
async def test_a_push_is_registered_by_digest(installation: Site, tmp_path: Path, finder: str) -> None:
    with registry_of(installation, finder) as registry:
        installation.configure(["app"], host=registry.host, head='poll_interval = "500ms"')
        await deploys_what_is_pushed(installation, Pusher(registry=registry, layouts=tmp_path), finder)


@pytest.mark.parametrize("finder", FINDERS)
async def test_over_tls_with_a_private_authority_and_a_password(
    installation: Site, tmp_path: Path, certificate: Certificate, finder: str
) -> None:
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    (trusted / "ca.crt").write_bytes(certificate.ca_file.read_bytes())
    auth = base64.b64encode(f"{USER}:{PASSWORD}\n".encode()).decode()
    with registry_of(installation, finder, certificate, htpasswd=True) as registry:
        installation.configure(
            ["app"],
            host=registry.host,
            scheme="https",
            head='poll_interval = "500ms"',
            registry=f'registry_ca = "{certificate.ca_file}"\nregistry_auth = "{auth}"',
        )
        pusher = Pusher(registry=registry, layouts=tmp_path, cert_dir=trusted)
        await deploys_what_is_pushed(installation, pusher, finder)
