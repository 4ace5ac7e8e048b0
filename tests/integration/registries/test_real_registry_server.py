"""The real registry under our fixtures: pushes arrive, and so do its notifications."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.servers.recorder import recording
from tests.servers.registry import Endpoint, RealRegistry, push_image, skopeo_push, write_oci_layout
from tests.servers.tls import issue

ACCEPT = {"Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"}


async def test_both_ways_of_pushing_store_the_image_and_send_the_notification(tmp_path: Path) -> None:
    digest = write_oci_layout(tmp_path, content="one")
    with recording() as recorder:
        endpoint = Endpoint(url=recorder.url, headers={"Authorization": "Bearer example-shared-token"})
        with RealRegistry(notifications=[endpoint]) as registry:
            skopeo_push(tmp_path, f"{registry.host}/team/app:v1.0.0")
            async with registry.client() as client:
                by_http = await push_image(client, "team/app", "v1.1.0", content="two")
                shown = await client.head("/v2/team/app/manifests/v1.0.0", headers=ACCEPT)
            received = recorder.wait_for(lambda received: len(received) == 2)

    assert shown.headers["docker-content-digest"] == digest
    assert [(one.event["target"]["tag"], one.event["target"]["digest"]) for one in received] == [
        ("v1.0.0", digest),
        ("v1.1.0", by_http),
    ]
    assert {one.headers["authorization"] for one in received} == {"Bearer example-shared-token"}


async def test_tls_with_a_private_ca_and_htpasswd(tmp_path: Path) -> None:
    certificate = issue(tmp_path)
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    shutil.copy(certificate.ca_file, trusted / "ca.crt")
    digest = write_oci_layout(tmp_path / "layout", content="one", platforms=["linux/amd64", "linux/arm64"])

    with RealRegistry(certificate=certificate, htpasswd=True) as registry:
        skopeo_push(
            tmp_path / "layout",
            f"{registry.host}/team/app:v1.0.0",
            credentials=registry.credentials,
            tls_verify=True,
            cert_dir=trusted,
        )
        async with registry.client() as client:
            allowed = await client.head("/v2/team/app/manifests/v1.0.0", headers=ACCEPT)
            refused = await client.get("/v2/", auth=("ci-bot", "wrong"))

    assert allowed.headers["docker-content-digest"] == digest
    assert refused.status_code == 401
