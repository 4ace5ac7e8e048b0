"""Which images of tasks can be watched, and the messages about the others."""

from typing import Any

import pytest

from app.adapters.nomad.images import specified_task
from app.adapters.nomad.translate import job_state
from app.domain.job import Placement, ReferenceForm, SpecifiedTask, TaskKey
from app.domain.watch import DeployBy
from tests.unit.nomad.recordings import corpus

DIGEST = "sha256:" + "2c26b46b68ffc68ff99b453c1d304134" * 2
KEY = TaskKey(group="api", task="server")


def task(driver: str, image: object, **fields: Any) -> SpecifiedTask:
    return specified_task(KEY, {"Name": "server", "Driver": driver, "Config": {"image": image}, **fields})


@pytest.mark.parametrize(
    ("driver", "image", "written"),
    [
        ("docker", "reg.example:5000/team/app:v1", f"reg.example:5000/team/app:v2@{DIGEST}"),
        ("docker", "https://reg.example/app:v1", f"https://reg.example/app:v2@{DIGEST}"),
        ("docker", "nginx", f"nginx:v2@{DIGEST}"),
        ("docker", f"ghcr.io/a/b@{DIGEST}", f"ghcr.io/a/b:v2@{DIGEST}"),
        ("podman", "docker://reg.example/app:v1", f"docker://reg.example/app@{DIGEST}"),
        ("podman", "reg.example/app:v1", f"reg.example/app@{DIGEST}"),
        ("containerd-driver", "reg.example/app:v1", f"reg.example/app:v2@{DIGEST}"),
    ],
)
def test_each_driver_gets_the_form_that_it_takes(driver: str, image: str, written: str) -> None:
    found = task(driver, image)
    assert (found.problem, found.image) == (None, image)
    assert found.written(tag="v2", digest=DIGEST, deploy_by=DeployBy.DIGEST) == written


@pytest.mark.parametrize(
    ("driver", "form", "can_force_pull"),
    [
        ("docker", ReferenceForm.TAG_AND_DIGEST, True),
        ("podman", ReferenceForm.DIGEST_ONLY, True),
        ("containerd-driver", ReferenceForm.TAG_AND_DIGEST, False),
    ],
)
def test_drivers_differ(driver: str, form: ReferenceForm, can_force_pull: bool) -> None:
    found = task(driver, "reg.example/app:v1")
    assert (found.form, found.can_force_pull) == (form, can_force_pull)


@pytest.mark.parametrize(
    ("driver", "image", "message"),
    [
        ("docker", "reg/app:${NOMAD_META_tag}", "interpolated"),
        ("docker", ["reg/app:v1"], "not a text"),
        ("docker", 7, "not a text"),
        ("docker", None, "has no image"),
        ("docker", "", "has no image"),
        ("docker", "http://reg.example/app:v1", "cannot be read"),
        ("docker", "docker://reg.example/app:v1", "cannot be read"),
        ("podman", "https://reg.example/app:v1", "cannot be read"),
        ("podman", "oci-archive:/tmp/app.tar", "archive"),
        ("podman", "docker-archive:https://x/app.tar", "archive"),
        ("docker", "Reg App", "cannot be read"),
        ("exec", "reg/app:v1", "runs no image"),
        ("qemu", None, "runs no image"),
        ("", "reg/app:v1", "runs no image"),
    ],
)
def test_an_image_that_cannot_be_followed_says_why(driver: str, image: object, message: str) -> None:
    found = task(driver, image)
    assert found.reference is None
    assert found.problem is not None
    assert message in found.problem
    assert found.image == (image if isinstance(image, str) else "")


def test_an_image_loaded_from_an_archive_is_none_to_follow() -> None:
    found = specified_task(KEY, {"Driver": "docker", "Config": {"image": "app:v1", "load": "app.tar"}})
    assert found.problem is not None
    assert "archive" in found.problem


def test_a_task_without_config_has_no_image() -> None:
    assert (
        specified_task(KEY, {"Driver": "docker", "Config": None}).problem
        == "the task has no image; write one in its config"
    )


@pytest.mark.parametrize(
    "kind", ["connect-proxy:web", "connect-ingress:web", "connect-terminating:x", "connect-mesh:x"]
)
@pytest.mark.parametrize("image", ["${meta.connect.sidecar_image}", None, ["x"]])
def test_a_proxy_that_runs_what_nomad_says_is_never_touched(kind: str, image: object) -> None:
    found = task("docker", image, Kind=kind)
    assert found.problem is not None
    assert "Consul Connect" in found.problem
    assert "sidecar_task" in found.problem


@pytest.mark.parametrize("kind", ["connect-proxy:web", "connect-ingress:web"])
def test_a_proxy_with_an_image_of_the_users_own_can_be_followed(kind: str) -> None:
    found = task("docker", "envoyproxy/envoy:v1.31.0", Kind=kind)
    assert (found.problem, found.image) == (None, "envoyproxy/envoy:v1.31.0")


def test_a_native_connect_task_is_a_users_own() -> None:
    assert task("docker", "reg.example/app:v1", Kind="connect-native:web").problem is None


@pytest.mark.parametrize("name", corpus())
def test_every_task_of_the_real_specifications_is_recognised(name: str) -> None:
    state = job_state(corpus()[name]["read"], [], Placement())
    problems = {str(each.key): each.problem for each in state.tasks if each.problem}
    expected = {"not-a-container": {"api/server"}}.get(name, set())
    assert set(problems) == expected
    assert all(
        each.reference is not None
        and each.reference.at(tag=each.reference.tag, digest=each.reference.digest)
        == each.image.removeprefix(each.prefix)
        for each in state.tasks
        if not each.problem
    )
