"""A plan's reply: the changes of a patch, and changes that the patch does not name."""

from typing import Any

import pytest

from app.adapters.nomad.register.changes import changes
from app.adapters.nomad.register.plan import preview
from app.domain.job import JobPatch, Preview, TaskChange, TaskKey
from tests.unit.nomad.plans import Json, config, field, group, node, reply, task
from tests.unit.nomad.recordings import CURRENT, OLD, posted, replies

SERVER = TaskKey(group="app", task="server")
IMAGE = field("image", "reg/app:v1", "reg/app:v2")
JOB: dict[str, Any] = {"ID": "web", "Type": "service"}


def patch(key: TaskKey = SERVER, **change: Any) -> JobPatch:
    return JobPatch(changes={key: TaskChange(**{"image": "reg/app:v2", **change})}, expected_index=7)


def read(planned: Json, given: JobPatch | None = None, job: Json = JOB) -> Preview:
    return preview(planned, given or patch(), job)


def server(*fields: Json, objects: list[Json] | None = None) -> Json:
    return group("app", tasks=[task("server", *fields, objects=objects)])


def test_the_ordered_image_is_no_drift() -> None:
    found = read(reply(server(objects=[config(IMAGE, field("network_mode", "host", "host"))])))
    assert found == Preview(lines=("group app, task server: Config image: reg/app:v1 → reg/app:v2",))


def test_force_pull_and_marker_are_ordered_where_the_order_has_them() -> None:
    planned = reply(
        server(
            field("Meta[registrywatcher.rollout]", "", "r-1"), objects=[config(IMAGE, field("force_pull", "", "true"))]
        )
    )
    assert read(planned, patch(marker="r-1", force_pull=True)).foreign == ()
    assert read(planned, patch(marker="r-1", force_pull=True)).lines == (
        "group app, task server: Meta[registrywatcher.rollout]: none → r-1",
        "group app, task server: Config image: reg/app:v1 → reg/app:v2",
        "group app, task server: Config force_pull: none → true",
    )
    assert read(planned, patch(marker="r-2")).foreign == (
        "group app, task server: Meta[registrywatcher.rollout]: none → r-1",
        "group app, task server: Config force_pull: none → true",
    )


def test_a_config_that_was_null_comes_as_a_whole() -> None:
    added = reply(server(objects=[config(field("image", "", "reg/app:v2"), kind="Added")]))
    assert read(added) == Preview(lines=("group app, task server: Config is added",))


@pytest.mark.parametrize(
    ("planned", "line"),
    [
        (reply(fields=(field("Priority", "50", "60"),)), "the job: Priority: 50 → 60"),
        (reply(fields=(field("Meta[a]", "", "s3cret"),)), "the job: Meta[a] is added"),
        (reply(objects=[node("Datacenters", field("Datacenters", "dc1", ""))]), "the job: Datacenters Datacenters is"),
        (reply(group("app", field("Count", "2", "5"))), "group app: Count: 2 → 5"),
        (reply(group("app", field("Count", "2", "s3cret"))), "group app: Count changes"),
        (
            reply(group("app", objects=[node("Update", field("Canary", "0", "1"))])),
            "group app: Update Canary: 0 → 1",
        ),
        (reply(group("more", field("Count", "", "1"), kind="Added")), "group more is added"),
        (
            reply(group("old", tasks=[task("x", field("Driver", "docker", ""), kind="Deleted")], kind="Deleted")),
            "group old is",
        ),
        (
            reply(group("app", tasks=[task("two", field("Driver", "", "docker"), kind="Added")])),
            "group app, task two is",
        ),
        (reply(server(field("Env[PIN]", "1234", "4321"))), "group app, task server: Env[PIN] changes"),
        (reply(server(field("Env[A]", "s3cret", ""))), "group app, task server: Env[A] is removed"),
        (reply(server(objects=[config(field("pin", "1234", "4321"))])), "group app, task server: Config pin changes"),
        (
            reply(server(objects=[node("Template", field("EmbeddedTmpl", "", "s3cret"), kind="Added")])),
            "group app, task server: Template is added",
        ),
        (
            reply(server(objects=[node("Service", objects=[node("Check", field("Path", "/a", "/s3cret"))])])),
            "group app, task server: Service Check Path changes",
        ),
        (
            reply(server(objects=[config(field("image", "reg/app:v1", "reg/app:v3"))])),
            "Config image: reg/app:v1 → reg/app:v3",
        ),
        (
            reply(group("other", tasks=[task("server", objects=[config(IMAGE)])])),
            "group other, task server: Config image",
        ),
        (reply(server(objects=[config(field("force_pull", "true", "false"))])), "Config force_pull: true → false"),
        (reply(group("app", objects=[node("Odd", IMAGE)])), "group app: Odd image changes"),
        (reply(server(objects=[node("Odd", field("Meta[registrywatcher.rollout]", "", "r"))])), "Odd Meta[registry"),
    ],
)
def test_changes_outside_the_patch_are_drift_without_secrets(planned: Json, line: str) -> None:
    found = read(planned, patch(marker="r", force_pull=True))
    [text] = found.foreign
    assert line in text
    assert found.lines == found.foreign
    assert "s3cret" not in text
    assert "s3cret" not in repr(changes(planned["Diff"]))


def test_each_line_appears_one_time_for_all_its_fields() -> None:
    added = group("more", field("Count", "", "1"), objects=[node("Update", field("Canary", "", "0"), kind="Added")])
    assert read(reply({**added, "Type": "Added"})).foreign == ("group more is added",)


def constraint(
    kind: str, right: str = ">= 1.7.0-a", *, left: str = "${attr.nomad.version}", operand: str = "semver"
) -> Json:
    values = {"LTarget": left, "Operand": operand, "RTarget": right}
    sides = [field(name, "", text) if kind == "Added" else field(name, text, "") for name, text in values.items()]
    return node("Constraint", *sides, kind=kind)


@pytest.mark.parametrize("kind", ["Added", "Deleted"])
def test_the_constraint_that_the_server_adds_is_no_drift(kind: str) -> None:
    assert read(reply(group("app", objects=[constraint(kind)]))) == Preview()
    edited = {**constraint(kind), "Type": "Edited"}
    assert read(reply(group("app", objects=[edited]))).foreign


@pytest.mark.parametrize(
    ("left", "operand", "right"),
    [
        ("${attr.nomad.version}", "semver", ">= 2.1.0"),
        ("${attr.nomad.service_discovery}", "=", "true"),
        ("${attr.vault.version}", "semver", ">= 0.6.1"),
        ("${attr.vault.eu-1.version}", "semver", ">= 1.11.0"),
        ("${attr.consul.version}", "semver", ">= 1.8.0"),
        ("${attr.consul.eu.grpc}", ">", "0"),
        ("${attr.consul.partition}", "=", "p"),
        ("${attr.os.signals}", "set_contains", "SIGHUP,SIGUSR1"),
        ("${attr.kernel.name}", "=", "linux"),
        ("${attr.plugins.cni.version.host-local}", "semver", ">= 0.4.0"),
        ("${attr.plugins.secrets.aws.version}", "semver", ">= 1.0.0"),
    ],
)
def test_what_only_the_servers_can_have_added_is_shown_and_goes_through(left: str, operand: str, right: str) -> None:
    added = constraint("Added", right, left=left, operand=operand)
    found = read(reply(group("app", objects=[added])))
    assert (found.lines, found.foreign) == ((f"group app: constraint {left} {operand} {right} is added",), ())
    removed = read(reply(group("app", objects=[constraint("Deleted", right, left=left, operand=operand)])))
    assert removed.foreign == (f"group app: constraint {left} {operand} {right} is removed",)


@pytest.mark.parametrize("left", ["${attr.cpu.arch}", "${node.class}", "${meta.rack}", "", "${attr.consul.version}x"])
def test_another_constraint_is_foreign_and_says_which(left: str) -> None:
    found = read(reply(group("app", objects=[constraint("Added", "amd64", left=left, operand="=")])))
    named = f"{left} = amd64".strip()
    assert found.foreign == (f"group app: constraint {named} is added",)


def test_a_constraint_of_the_whole_job_is_never_the_servers() -> None:
    at_the_job = reply(objects=[constraint("Added", ">= 2.1.0")])
    assert read(at_the_job).foreign == ("the job: constraint ${attr.nomad.version} semver >= 2.1.0 is added",)


def test_the_image_of_a_connect_proxy_stands_at_its_service_too() -> None:
    proxy = TaskKey(group="app", task="connect-proxy-web")
    inside = node("SidecarTask", objects=[config(field("image", "envoy:1", "envoy:2"))])
    service = node("Service", field("Name", "web", "web"), objects=[node("ConsulConnect", objects=[inside])])
    planned = reply(
        group(
            "app",
            objects=[service],
            tasks=[task("connect-proxy-web", objects=[config(field("image", "envoy:1", "envoy:2"))])],
        )
    )
    assert read(planned, patch(proxy, image="envoy:2")).foreign == ()
    assert len(read(planned, patch(TaskKey(group="b", task="x"), image="envoy:2")).foreign) == 2
    assert len(read(planned, patch(proxy, image="envoy:3")).foreign) == 2


def test_updates_tell_what_happens_to_the_allocations() -> None:
    updates = {
        "app": {"DestructiveUpdate": 2, "Ignore": 1, "Canary": 0, "InPlaceUpdate": 0, "Unheard": 4},
        "side": {"Stop": 0},
        "odd": None,
    }
    planned = reply(Annotations={"DesiredTGUpdates": updates}, Warnings="1 warning:\n\n* odd")
    found = read(planned)
    assert found.updates == {"app": "2 replaced, 1 left as they are", "side": "nothing", "odd": "nothing"}
    assert found.warnings == "1 warning: * odd"
    later = read(planned, job={**JOB, "Periodic": {"Enabled": True}})
    assert set(later.updates.values()) == {"changed at its next launch"}


def test_what_cannot_be_placed_is_an_early_warning() -> None:
    planned = reply(FailedTGAllocs={"app": {"NodesEvaluated": 1, "DimensionExhausted": {"memory": 1}}})
    assert "app" in read(planned).unplaced
    assert read(planned).foreign == ()
    assert read(planned, job={**JOB, "ParameterizedJob": {}, "Periodic": {"Spec": "@daily"}}).unplaced == ""


def test_an_empty_reply_changes_nothing() -> None:
    assert read({}) == Preview()


@pytest.mark.parametrize("version", [CURRENT, OLD])
def test_a_recorded_plan_of_a_new_image(version: str) -> None:
    [planned] = replies("rolling-update", "plan-new-image", version)
    image = "127.0.0.1:5000/team/app:v0.2.0"
    found = preview(planned, patch(TaskKey(group="api", task="server"), image=image), JOB)
    assert found.foreign == ()
    assert found.lines == (f"group api, task server: Config image: 127.0.0.1:5000/team/app:v0.1.0 → {image}",)
    assert found.updates == {"api": "1 replaced, 1 left as they are"}


@pytest.mark.parametrize(
    ("step", "foreign"),
    [
        ("plan-one-group", ()),
        ("plan-job-meta", ("the job: Meta[restart] is added",)),
        ("plan-task-meta", ("group side, task helper: Meta[registrywatcher.rollout]: none → 42",)),
        ("plan-force-pull", ("group api, task server: Config force_pull: none → true",)),
    ],
)
def test_recorded_plans_of_two_groups(step: str, foreign: tuple[str, ...]) -> None:
    [planned] = replies("two-groups-and-meta", step)
    given = patch(TaskKey(group="api", task="server"), image="127.0.0.1:5000/team/app:v0.2.0")
    assert preview(planned, given, posted("two-groups-and-meta", step)).foreign == foreign
