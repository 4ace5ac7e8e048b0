"""Two ways to push a small image to any registry: skopeo, as a person would, and plain HTTP for long series."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import httpx

from app.simulators.registry.grammar import OCI_INDEX
from app.simulators.registry.images import StoredManifest, build_image, digest_of
from tests.servers.programs import need


def write_oci_layout(directory: Path, *, content: str, platforms: Sequence[str] = ()) -> str:
    """Write a small image as an OCI image layout; the digest that a push of it will have.

    https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md
    """
    image = build_image(content, platforms)
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for body in (*image.blobs, *(manifest.body for manifest in (*image.children, image.top))):
        (blobs / digest_of(body).removeprefix("sha256:")).write_bytes(body)
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    entry = {"mediaType": image.top.media_type, "digest": image.top.digest, "size": len(image.top.body)}
    (directory / "index.json").write_text(
        json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]})
    )
    return image.top.digest


def skopeo_push(
    layout: Path,
    destination: str,
    *,
    credentials: tuple[str, str] | None = None,
    tls_verify: bool = False,
    cert_dir: Path | None = None,
) -> None:
    """Copy an OCI layout to `host:port/repository:tag` with skopeo. Raises CalledProcessError with what it said.

    `cert_dir` holds the registry's CA as `ca.crt`. Blocking: call it in a thread from async tests.
    """
    options = ["--all", "--quiet", f"--dest-tls-verify={str(tls_verify).lower()}"]
    options += ["--dest-creds", ":".join(credentials)] if credentials else ["--dest-no-creds"]
    options += ["--dest-cert-dir", str(cert_dir)] if cert_dir else []
    command = [need("skopeo"), "copy", *options, f"oci:{layout}", f"docker://{destination}"]
    # A home without credentials of the person who runs the tests.
    environment = {**os.environ, "HOME": str(layout), "XDG_RUNTIME_DIR": str(layout)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, done.stderr, done.stdout, done.stderr)


async def push_image(
    client: httpx.AsyncClient, repository: str, tag: str, *, content: str, platforms: Sequence[str] = ()
) -> str:
    """Push a small image over plain HTTP and return its digest; `client` has the registry as base URL.

    Five requests for an image. Use one client for a series of pushes.
    """
    image = build_image(content, platforms)
    for body in image.blobs:
        await _push_blob(client, repository, body)
    for child in image.children:
        await _push_manifest(client, f"/v2/{repository}/manifests/{child.digest}", child)
    await _push_manifest(client, f"/v2/{repository}/manifests/{tag}", image.top)
    return image.top.digest


async def _push_blob(client: httpx.AsyncClient, repository: str, body: bytes) -> None:
    started = await client.post(f"/v2/{repository}/blobs/uploads/")
    started.raise_for_status()
    target = client.base_url.join(started.headers["location"]).copy_add_param("digest", digest_of(body))
    (await client.put(target, content=body)).raise_for_status()


async def _push_manifest(client: httpx.AsyncClient, path: str, manifest: StoredManifest) -> None:
    answer = await client.put(path, content=manifest.body, headers={"Content-Type": manifest.media_type})
    answer.raise_for_status()
