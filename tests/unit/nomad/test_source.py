"""A job's source with new images: the text of the old image, and the request to Nomad's parser."""

import json
from typing import Any

import pytest

from app.adapters.nomad.register.source import (
    JobSource,
    image_pairs,
    is_named,
    job_source,
    json_job,
    parse_request,
    renamed,
)
from app.domain.job import JobPatch, TaskChange, TaskKey
from tests.unit.nomad.recordings import replies

D1, D2 = "sha256:" + "1" * 64, "sha256:" + "2" * 64
OLD, NEW = "reg.example:5000/team/app:v1", f"reg.example:5000/team/app:v2@{D2}"
SERVER = TaskKey(group="api", task="server")


def source(
    text: str = 'image = "${var.image}"', *, flags: dict[str, str] | None = None, variables: str = ""
) -> JobSource:
    return JobSource(text=text, format="hcl2", flags=flags or {}, variables=variables)


def job(*images: str, driver: str = "docker") -> dict[str, Any]:
    tasks = [{"Name": f"t{n}", "Driver": driver, "Config": {"image": image}} for n, image in enumerate(images)]
    return {"TaskGroups": [{"Name": "g", "Tasks": tasks}]}


def all_renamed(found: JobSource, old: str = OLD, new: str = NEW, *, driver: str = "docker") -> list[JobSource]:
    change = {TaskKey(group="g", task="t0"): TaskChange(image=new)}
    return list(renamed(found, image_pairs(job(old, driver=driver), JobPatch(changes=change, expected_index=1))))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (source(flags={"image": OLD, "x": "1"}), source(flags={"image": NEW, "x": "1"})),
        (source(flags={"tag": "v1", "x": ""}), source(flags={"tag": f"v2@{D2}", "x": ""})),
        (source(variables=f'image = "{OLD}" # ours\n'), source(variables=f'image = "{NEW}" # ours\n')),
        (source(variables='a = 1\n  v1="v1"\n'), source(variables=f'a = 1\n  v1="v2@{D2}"\n')),
        (source(f'image = "{OLD}"'), source(f'image = "{NEW}"')),
        (source('default = "v1"\nimage = "x:v11"'), source(f'default = "v2@{D2}"\nimage = "x:v11"')),
        (source('image = "${var.name}:v1"'), source(f'image = "${{var.name}}:v2@{D2}"')),
    ],
)
def test_the_one_place_of_the_old_image_or_tag_is_changed(before: JobSource, after: JobSource) -> None:
    assert all_renamed(before)[0] == after


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(source(), id="nowhere"),
        pytest.param(source(f'image = "{OLD}"\nother = "{OLD}"'), id="twice"),
        pytest.param(source('default = "v1"\nversion = "v1"'), id="the tag twice"),
        pytest.param(source(flags={"a": "v1", "b": "v1"}), id="two flags"),
        pytest.param(source(variables='a = "v1"\nb = "v1"\n'), id="two assignments"),
        pytest.param(source(f'image = "{OLD}.1"'), id="a longer tag"),
        pytest.param(source(f'image = "mirror/{OLD}-x"'), id="another image"),
        pytest.param(source(f'image = "{OLD}@{D1}"'), id="with a digest"),
    ],
)
def test_what_is_not_there_exactly_once_is_left_alone(found: JobSource) -> None:
    assert all_renamed(found) == []


def test_a_flag_goes_before_a_variable_and_that_before_a_literal() -> None:
    found = source(f'default = "v1"  # {OLD}', flags={"tag": "v1"}, variables='tag = "v1"')
    texts = [(each.flags["tag"], each.variables, each.text) for each in all_renamed(found)]
    assert texts == [
        (f"v2@{D2}", found.variables, found.text),
        ("v1", f'tag = "v2@{D2}"', found.text),
        ("v1", found.variables, f'default = "v1"  # {NEW}'),
    ]


@pytest.mark.parametrize(
    ("old", "new", "found", "after"),
    [
        (f"reg/app@{D1}", f"reg/app@{D2}", source(flags={"digest": D1}), {"digest": D2}),
        (f"reg/app:v1@{D1}", f"reg/app:v1@{D2}", source(flags={"t": f"v1@{D1}"}), {"t": f"v1@{D2}"}),
        ("nginx", f"nginx:1@{D2}", source(flags={"image": "nginx"}), {"image": f"nginx:1@{D2}"}),
        (f"reg/app@{D1}", f"reg/app:v1@{D2}", source(flags={"digest": D1}), None),
        ("nginx", f"nginx:1@{D2}", source(flags={"tag": ""}), None),
        ("https://reg/app:v1", "https://reg/app:v2", source(flags={"t": "v1"}), {"t": "v2"}),
    ],
)
def test_the_spelling_follows_tag_and_digest(
    old: str, new: str, found: JobSource, after: dict[str, str] | None
) -> None:
    assert [each.flags for each in all_renamed(found, old, new)] == ([after] if after else [])


def test_a_podman_image_that_loses_its_tag_is_found_whole_only() -> None:
    old, new = "docker://reg/app:v1", f"docker://reg/app@{D2}"
    assert all_renamed(source(flags={"tag": "v1"}), old, new, driver="podman") == []
    assert all_renamed(source(f'"{old}"'), old, new, driver="podman") == [source(f'"{new}"')]


def test_every_distinct_change_of_an_order_is_made_once() -> None:
    before = job("reg/a:1", "reg/b:1", "reg/a:1", "${x}", "reg/c:9")
    desired = ("reg/a:2", "reg/b:2", "reg/a:2", "reg/d:1", "reg/c:9")
    changes = {TaskKey(group="g", task=f"t{n}"): TaskChange(image=image) for n, image in enumerate(desired)}
    pairs = image_pairs(before, JobPatch(changes=changes, expected_index=1))
    assert [(task.image, image) for task, image in pairs] == [
        ("reg/a:1", "reg/a:2"),
        ("reg/b:1", "reg/b:2"),
        ("${x}", "reg/d:1"),
    ]
    found = source('image = "reg/a:1"', flags={"b": "reg/b:1", "odd": "${x}"})
    assert next(iter(renamed(found, pairs))) == source('image = "reg/a:2"', flags={"b": "reg/b:2", "odd": "reg/d:1"})


def test_flags_go_to_the_parse_as_assignments_that_win() -> None:
    found = source(
        flags={"tag": 'v"1"\n${x}%{y}', "list": '["a"]', "map": "{a = 1}"},
        variables='tag = "old" # here\nother = 1\n tags = "kept"\n',
    )
    request = parse_request(found)
    assert request["Variables"] == (
        '\nother = 1\n tags = "kept"\n\ntag = "v\\"1\\"\\n$${x}%%{y}"\nlist = ["a"]\nmap = {a = 1}\n'
    )
    assert (request["JobHCL"], request["Canonicalize"], request["HCLv1"]) == (found.text, True, False)


def test_a_source_in_the_first_hcl_says_so() -> None:
    assert parse_request(JobSource(text="x", format="hcl1", flags={}, variables=""))["HCLv1"] is True


@pytest.mark.parametrize(
    ("text", "is_job"),
    [
        ('{"ID": "web", "TaskGroups": []}', True),
        ('{"Job": {"ID": "web", "TaskGroups": []}}', True),
        ('{"job": {"web": {}}}', False),
        ('{"Job": 7}', False),
        ("[]", False),
        ("job {", False),
    ],
)
def test_a_json_source_is_a_job_with_or_without_a_frame(text: str, is_job: bool) -> None:
    found = json_job(source(text))
    assert found == ({"ID": "web", "TaskGroups": []} if is_job else None)


def test_a_recorded_source_is_read_and_posted_as_it_was_given() -> None:
    [reply] = replies("submission-and-versions", "submission-v2")
    found = job_source(reply)
    assert (found.format, found.flags) == ("hcl2", {"tag": "v1.0.0"})
    assert found.submission == {key: reply[key] for key in ("Source", "Format", "VariableFlags", "Variables")}
    assert found.size == len(reply["Source"]) + len("tagv1.0.0")
    assert job_source({}) == JobSource(text="", format="hcl2", flags={}, variables="")


def test_the_recorded_source_takes_a_new_tag_in_its_flag() -> None:
    found = job_source(replies("submission-and-versions", "submission-v0")[0])
    old, new = "127.0.0.1:5000/team/app:v0.1.0", f"127.0.0.1:5000/team/app:v1.0.0@{D2}"
    first, *_ = all_renamed(found, old, new)
    assert (first.flags, first.text) == ({"tag": f"v1.0.0@{D2}"}, found.text)


def test_no_source_shows_in_a_repr() -> None:
    text = json.dumps({"TaskGroups": [{"Env": "s3cret"}]})
    found = JobSource(text=text, format="json", flags={"password": "s3cret"}, variables='a = "s3cret"')
    assert repr(found) == "JobSource(format='json')"


@pytest.mark.parametrize(
    ("found", "is_there"),
    [
        (source(f'image = "{NEW}"'), True),
        (source(flags={"tag": f"v2@{D2}"}), True),
        (source(variables=f'tag = "v2@{D2}"'), True),
        (source(flags={"tag": "v1"}), False),
    ],
)
def test_whether_a_source_names_the_new_image(found: JobSource, is_there: bool) -> None:
    assert is_named(found, JobPatch(changes={SERVER: TaskChange(image=NEW)}, expected_index=1)) is is_there
    assert not is_named(found, JobPatch(changes={SERVER: TaskChange(image="untagged")}, expected_index=1))
