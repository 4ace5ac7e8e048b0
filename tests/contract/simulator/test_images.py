"""Which digest runs: force_pull, latest and digests, with an image that the node has already.

See docs/nomad.md, section 11.
"""

import httpx
import pytest

from app.simulators.nomad import Fate, JobRegistration, Simulator, sample_job

OLD, NEW = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def redeploy(simulator: Simulator, image: str, run: str, **config: object) -> set[str]:
    """Register with another marker. Returns the digests that run then."""
    simulator.register(JobRegistration(job=sample_job("web", image, meta={"run": run}, config=dict(config))))
    return {digest for tasks in simulator.running("web").values() for digest in tasks.values()}


@pytest.mark.parametrize(
    ("image", "config", "runs"),
    [
        ("reg:5000/app:v1", {}, OLD),
        ("reg:5000/app:v1", {"force_pull": True}, NEW),
        ("reg:5000/app:latest", {}, NEW),
        ("reg:5000/app", {}, NEW),
        ("https://reg:5000/app:v1", {"force_pull": True}, NEW),
    ],
)
def test_a_moved_tag_runs_a_new_image_only_where_docker_pulls(
    simulator: Simulator, image: str, config: dict[str, object], runs: str
) -> None:
    simulator.publish(image, OLD)
    assert redeploy(simulator, image, "1", **config) == {OLD}
    simulator.publish(image, NEW)
    assert redeploy(simulator, image, "2", **config) == {runs}


def test_a_digest_runs_its_own_image_whatever_its_tag_has(simulator: Simulator) -> None:
    simulator.publish("reg:5000/app:v1", NEW)
    assert redeploy(simulator, f"reg:5000/app:v1@{OLD}", "1") == {OLD}


def test_each_node_keeps_images_of_its_own() -> None:
    simulator = Simulator(nodes=2)
    simulator.publish("app:v1", OLD)
    simulator.register(JobRegistration(job=sample_job("web", "app:v1")))
    simulator.publish("app:v1", NEW)
    simulator.scale("web", count=2)
    assert sorted(d for tasks in simulator.running("web").values() for d in tasks.values()) == [OLD, NEW]


def test_a_bad_digest_fails_under_a_good_tag(simulator: Simulator) -> None:
    simulator.judge(NEW, Fate.EXITS_NONZERO)
    simulator.publish("app:latest", OLD)
    assert redeploy(simulator, "app:latest", "1") == {OLD}
    simulator.publish("app:latest", NEW)
    assert redeploy(simulator, "app:latest", "2") == set()


def test_the_control_api_shows_the_running_digests(agent: httpx.Client) -> None:
    agent.post("/simulator/images", json={"image": "app:v1", "digest": OLD})
    agent.post("/simulator/jobs", json=sample_job("team/web", "app:v1"))
    assert list(agent.get("/simulator/jobs/team/web/running").json().values()) == [{"server": OLD}]
