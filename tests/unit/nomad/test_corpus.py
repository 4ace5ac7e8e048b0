"""An update changes only the images of the patch, force_pull and our marker in a job.

The constraint that the server adds at every registration counts one time, also if the job has several copies.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.adapters.nomad.images import specified_task, tasks_of
from app.adapters.nomad.register.jobspec import MARKER, carries, edited
from app.domain.job import JobPatch, TaskChange, TaskKey
from tests.unit.nomad.shapes import IMPLICIT, Json, shapes, twists

NEW = "registry.example.com:5000/team/new:v9@sha256:" + "2c26b46b68ffc68ff99b453c1d304134" * 2
BY_DIGEST = TaskChange(image=NEW)
BY_TAG = TaskChange(image="registry.example.com:5000/team/new:v9", marker="r-1", force_pull=True)

Path = tuple[str | int, ...]


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    """Every leaf that differs, with its path. A missing key differs from null."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            yield from differences(before.get(name, "absent"), after.get(name, "absent"), (*path, name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for position, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, (*path, position))
    elif before != after:
        yield path, before, after


def canonical(job: Json) -> Json:
    """The job without copies of the server's own constraint, and without the tag of its version."""
    copy = deepcopy(job)
    copy.pop("VersionTag", None)
    for group in copy["TaskGroups"]:
        group["Constraints"] = [each for each in group.get("Constraints") or () if each != IMPLICIT]
    return copy


def allowed(job: Json, patch: JobPatch) -> set[tuple[Path, Any]]:
    """The leaves that the patch may change, with their new values."""
    found: set[tuple[Path, Any]] = set()
    for g, group in enumerate(job["TaskGroups"]):
        for t, task in enumerate(group["Tasks"]):
            change = patch.changes.get(TaskKey(group=group["Name"], task=task["Name"]))
            if change is None:
                continue
            at: Path = ("TaskGroups", g, "Tasks", t)
            found |= {((*at, "Config", "image"), change.image), ((*at, "Config", "force_pull"), change.force_pull)}
            found |= {((*at, "Meta", MARKER), change.marker)}
            for s, service in enumerate(group.get("Services") or ()):
                if task.get("Kind") == f"connect-proxy:{service['Name']}":
                    inside: Path = ("TaskGroups", g, "Services", s, "Connect", "SidecarTask", "Config")
                    found |= {((*inside, "image"), change.image), ((*inside, "force_pull"), change.force_pull)}
    return found


def check(before: Json, patch: JobPatch) -> None:
    """The check of this file, for one job and one patch."""
    untouched = deepcopy(before)
    after = edited(before, patch)
    assert before == untouched, "the job that was read is left alone"
    left, right = canonical(before), canonical(after)
    for job in (left, right):
        for _, task in tasks_of(job):
            assert isinstance(task, dict)
            task["Meta"] = task.get("Meta") or {}  # null and empty are the same for Nomad
    found = {(path, new) for path, _, new in differences(left, right)}
    assert found <= allowed(before, patch)
    assert carries(after, patch)
    assert "VersionTag" not in after
    assert canonical(edited(after, patch)) == canonical(after), "ordering it again changes nothing more"


def followable(job: Json) -> list[TaskKey]:
    return [key for key, task in tasks_of(job) if specified_task(key, task).reference is not None]


@pytest.mark.parametrize("twist", twists())
@pytest.mark.parametrize("name", shapes())
def test_an_update_changes_what_was_ordered_and_nothing_else(name: str, twist: str) -> None:
    job = twists()[twist](shapes()[name])
    keys = followable(job)
    for change in (BY_DIGEST, BY_TAG):
        for chosen in (keys, keys[:1], ()):
            check(job, JobPatch(changes=dict.fromkeys(chosen, change), expected_index=1))


def test_nearly_every_shape_can_be_followed() -> None:
    assert {name for name, job in shapes().items() if not followable(job)} == {"not-a-container"}
    assert len(shapes()) >= 23 + 20


def test_a_sidecar_of_the_users_own_changes_where_the_server_reads_it() -> None:
    job = shapes()["consul-connect-native-and-sidecar"]
    key = TaskKey(group="api", task="connect-proxy-front")
    after = edited(job, JobPatch(changes={key: BY_TAG}, expected_index=1))
    sidecar = after["TaskGroups"][0]["Services"][0]["Connect"]["SidecarTask"]["Config"]
    assert (sidecar["image"], sidecar["force_pull"], sidecar["auth_soft_fail"]) == (BY_TAG.image, True, True)
    assert dict(tasks_of(after))[key]["Config"]["image"] == BY_TAG.image
    assert after["TaskGroups"][0]["Services"][1] == job["TaskGroups"][0]["Services"][1]


names = some.text(min_size=1, max_size=6)
leaves = some.none() | some.booleans() | some.integers() | some.text(max_size=8) | some.floats(allow_nan=False)
values = some.recursive(
    leaves, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(names, inner, max_size=3), max_leaves=8
)
RESERVED = {"Name", "Tasks", "TaskGroups", "Constraints", "Services", "Config", "Driver", "Kind", "Meta", "Identities"}
unheard_of = some.dictionaries(names.filter(lambda name: name not in RESERVED), values, max_size=4)
a_task = some.builds(
    lambda more, config, meta: {**more, "Driver": "docker", "Config": {**config, "image": "app:v1"}, "Meta": meta},
    unheard_of,
    unheard_of,
    some.none() | some.dictionaries(names, some.text(max_size=4), max_size=2),
)
a_group = some.builds(
    lambda more, tasks, constraints, with_identity: {
        **more,
        "Constraints": constraints,
        "Services": [{"Name": "s", "Identity": {"Name": "s"}}] if with_identity else None,
        "Tasks": [{**task, "Name": f"t{number}"} for number, task in enumerate(tasks)],
    },
    unheard_of,
    some.lists(a_task, min_size=1, max_size=3),
    some.none() | some.lists(unheard_of | some.just(IMPLICIT), max_size=3),
    some.booleans(),
)
a_job = some.builds(
    lambda more, groups: {
        **more,
        "ID": "web",
        "TaskGroups": [{**group, "Name": f"g{number}"} for number, group in enumerate(groups)],
    },
    unheard_of,
    some.lists(a_group, min_size=1, max_size=3),
)


@given(job=a_job, data=some.data())
def test_however_a_job_is_nested_only_the_order_changes_it(job: Json, data: some.DataObject) -> None:
    keys = [key for key, _ in tasks_of(job)]
    chosen = data.draw(some.lists(some.sampled_from(keys), unique=True))
    changes = {key: data.draw(some.sampled_from((BY_DIGEST, BY_TAG))) for key in chosen}
    check(job, JobPatch(changes=changes, expected_index=1))
