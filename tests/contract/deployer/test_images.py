"""Images in a job: read in each spelling, written in the same one, or rejected."""

import re
from typing import Any

import pytest

from app.domain.watch import DeployBy
from app.ports import Deployer
from tests.contract.deployer.cluster import Jobs
from tests.contract.deployer.following import inspected, submitted
from tests.contract.deployer.jobs import (
    group,
    task,
    unplaced,
)

DIGEST = "sha256:" + "2c26b46b68ffc68f" * 4
REG = "reg.example:5000"


@pytest.mark.parametrize(
    ("image", "driver", "read", "written"),
    [
        (f"{REG}/team/app:v1", "docker", (REG, "team/app", "v1", None), f"{REG}/team/app:v9"),
        (f"{REG}/app:v1@{DIGEST}", "docker", (REG, "app", "v1", DIGEST), f"{REG}/app:v9"),
        (f"{REG}/app@{DIGEST}", "docker", (REG, "app", None, DIGEST), f"{REG}/app:v9"),
        (f"https://{REG}/app:v1", "docker", (REG, "app", "v1", None), f"https://{REG}/app:v9"),
        (f"docker://{REG}/app:v1", "podman", (REG, "app", "v1", None), f"docker://{REG}/app:v9"),
        (f"{REG}/app:v1", "containerd-driver", (REG, "app", "v1", None), f"{REG}/app:v9"),
        ("localhost/app", "docker", ("localhost", "app", None, None), "localhost/app:v9"),
        ("nginx", "docker", ("docker.io", "library/nginx", None, None), "nginx:v9"),
    ],
)
async def test_an_image_is_parsed_and_written_in_its_own_spelling(
    deployer: Deployer, jobs: Jobs, image: str, driver: str, read: tuple[str, str, str | None, str | None], written: str
) -> None:
    place = jobs.start(unplaced(group(task(image, driver=driver))))
    [found] = (await inspected(deployer, place)).tasks
    reference = found.reference
    assert reference is not None
    assert (reference.repository.host, reference.repository.path, reference.tag, reference.digest) == read
    text = found.written(tag="v9", digest=DIGEST, deploy_by=DeployBy.TAG)
    assert text == written
    await submitted(deployer, place, text)
    assert (await inspected(deployer, place)).tasks[0].image == written


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"image": "reg.example/app:${NOMAD_META_tag}"}, r"\$\{NOMAD_META_tag\}|interpolat"),
        ({"image": "${meta.connect.sidecar_image}"}, r"\$\{meta|interpolat"),
        ({"image": 7}, "image"),
        ({"command": "x"}, "image"),
        ({"image": "reg.example/App:v1"}, "App"),
    ],
)
async def test_an_image_that_cannot_be_followed_says_why(
    deployer: Deployer, jobs: Jobs, config: dict[str, Any], message: str
) -> None:
    odd = {**task("x"), "Config": config}
    place = jobs.start(unplaced(group(odd, task("reg.example/app:v1", name="fine"))))
    strange, fine = (await inspected(deployer, place)).tasks
    assert strange.reference is None
    assert strange.problem
    assert re.search(message, strange.problem)
    assert fine.problem is None
