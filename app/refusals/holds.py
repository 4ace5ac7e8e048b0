"""Holds: each reason why nothing is deployed, with the message of the decision."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from uuid import UUID

from app.adapters.nomad.images import specified_task
from app.adapters.nomad.translate import unusable
from app.domain.decision import Case, Hold, RequestedDeploy
from app.domain.decision_table import decide
from app.domain.history import Desired, identity
from app.domain.job import ActiveDeployment, JobState, TaskKey
from app.domain.left_out import TagList
from app.domain.rule import Rule
from app.refusals.row import RefusalRow
from app.refusals.samples import D1, D2, RECONCILE_SETTINGS, WATCH, case, claim, job, knows, open_rollout, task
from app.services.reconcile.claim import Claim
from app.services.reconcile.reconcile import busy_with

MANUAL = "a manual deploy"


def holds() -> Iterator[RefusalRow]:
    """A row for every reason and each of its causes."""
    yield from _unusable()
    yield from _no_release_to_follow()
    pinned = case(desired=None, rule=Rule(pinned_tag="test"))
    yield _held("the pinned tag is gone", pinned, "tag test", "push the tag")
    ours = claim(rollout=open_rollout(submitted=True))
    yield _held("a rollout of ours is under way", _busy(ours, job()), f"rollout {UUID(int=7)}", MANUAL)
    active = ActiveDeployment(deployment_id="d", job_spec_index=9, progress="", description="Deployment is running")
    theirs = _busy(claim(), job(deployment=active))
    yield _held("somebody else deploys the job", theirs, "on the job", MANUAL)
    failed = case(history=knows((task(), D1), failed=frozenset({D2}), failure_causes={D2: "exited with code 1"}))
    yield _held("the digest failed on this job", failed, "v1.1.0", "release the hold")
    runs = case(desired=Desired(tag="v1.0.0", digest=D1))
    yield _held("it runs already", runs, "v1.0.0", "")
    candidate = TagList(tags=("v1.0.0", "v1.1.0-rc.1"))
    yield _held("a newer-looking tag is no release", replace(runs, listed=candidate), "v1.0.0", "")
    gone = TagList(tags=("v1.0.0", "v1.1.0"), without_manifest=("v1.1.0",))
    yield _held("a higher release has no manifest", replace(runs, listed=gone), "v1.0.0", "")
    problem = "group app: 2 allocations cannot be placed: 3 nodes lack enough memory"
    unplaced = replace(job().placement, allocations=(), problem=problem)
    stalled = case(desired=Desired(tag="v1.0.0", digest=D1), job=job(placement=unplaced))
    yield _held("its allocations do not run", stalled, "v1.0.0", "deploy another tag")
    given_up = case(history=replace(case().history, not_placed=D2), no_room="group app: 1 allocation cannot be placed")
    yield _held("Nomad gave it up, and has no room for it yet", given_up, "v1.1.0", "deploy another tag")
    yield _held("the switch is off", case(auto_deploy=False), "v1.1.0", "when it is switched on")
    yield _held("everything is paused", case(paused=True), "v1.1.0", "resume")
    observing = case(watch=replace(WATCH, observe_only=True))
    yield _held("the watch only observes", observing, "v1.1.0", "remove it")
    changed = case(history=replace(case().history, expected={"app/server": identity(task(":v0.9.0"))}))
    yield _held("a person changed the job's image", changed, "the image", "a newer image or a manual deploy")
    undo = RequestedDeploy(desired=Desired(tag="v0.9.0", digest=D2), forced=False, reverts=True, unless_changed=True)
    outside = replace(changed, requested=undo)
    yield _held("a person did so before a failed rollout was undone", outside, "v0.9.0", "deploy it manually")
    yield _held("a person rolled back", case(rolled_back=True), "v1.0.0", "an image newer than v1.1.0")
    lower = case(desired=Desired(tag="v0.9.0", digest=D2))
    yield _held("it is lower than what runs", lower, "v0.9.0", "deploy it manually")
    branch = job(task(":main"))
    yield _held(
        "the running tag is not a release",
        _no_release(branch),
        "running image",
        "push the next release, or deploy one manually",
    )
    elsewhere = case(heed_elsewhere=True, history=replace(case().history, failed_elsewhere={D2: "api"}))
    yield _held("the digest failed on another job", elsewhere, "job api", "release the hold there")
    full = replace(RECONCILE_SETTINGS.fleet, max_rollouts=2).queue_reason(claim(others_active=2))
    yield _held("enough rollouts are under way", case(queue_reason=full), "v1.1.0", "a manual deploy does not wait")
    own = replace(RECONCILE_SETTINGS.fleet, own_job=WATCH.place)
    for others in ({"others_active": 1}, {"others_due": 1}):
        last = case(queue_reason=own.queue_reason(claim(**others)))
        yield _held("the job runs registrywatcher itself", last, "own job", "a manual deploy does not wait")


def _held(when: str, weighed: Case, thing: str, fix: str) -> RefusalRow:
    found = decide(weighed)
    assert isinstance(found, Hold), when
    return RefusalRow(when=when, name=found.reason.value, sentence=found.message, thing=thing, fix=fix)


def _busy(of: Claim, found: JobState) -> Case:
    return case(job=found, busy=busy_with(RECONCILE_SETTINGS, of, found))


def _no_release(found: JobState) -> Case:
    return case(job=found, history=replace(knows((task(":main"), D1)), baseline_release="v1.1.0"))


def _no_release_to_follow() -> Iterator[RefusalRow]:
    lists = (
        ("no release was pushed yet", TagList(tags=("latest", "main")), "release tag", "push vX.Y.Z"),
        ("nothing was pushed yet", TagList(tags=()), "no tag of", "push a release"),
        ("the repository is missing", TagList(tags=(), repository_exists=False), "no repository", "push a release"),
        (
            "its releases have no manifest",
            TagList(tags=("v1.1.0",), without_manifest=("v1.1.0",)),
            "v1.1.0",
            "push them again",
        ),
        (
            "the highest releases have no manifest",
            TagList(tags=("v1.2.0", "v1.1.0"), without_manifest=("v1.2.0", "v1.1.0"), is_cut=True),
            "v1.2.0",
            "push them again",
        ),
    )
    for when, found, thing, fix in lists:
        yield _held(when, case(desired=None, listed=found), thing, fix)


def _unusable() -> Iterator[RefusalRow]:
    yield _held("the job is missing", case(job=None), "job app", "register it once")
    jobs: tuple[tuple[str, dict[str, object], str, str], ...] = (
        ("the job is stopped", {"Stop": True}, "job app", "run it again in Nomad"),
        ("it was launched by another job", {"ParentID": "nightly"}, "job app", "watch that one instead"),
        ("the job is multiregion", {"Multiregion": {"Regions": []}}, "job app", "split it into one job per region"),
    )
    for when, spec, thing, fix in jobs:
        yield _held(when, case(job=job(unusable=unusable({"ID": "app", **spec}))), thing, fix)
    yield _held("the job has no such task", case(job=job(task(name="other"))), "'server'", "correct nomad_task_name")
    group = case(watch=replace(WATCH, group="b"))
    yield _held("the group has no such task", group, "group 'b' of job app", "correct nomad_task_name")
    foreign = case(job=job(task("other/app:v1")))
    yield _held("it runs another image", foreign, "task app/server", "correct the configuration or the job")
    configs: tuple[tuple[str, Mapping[str, object], str], ...] = (
        ("its image is a variable", {"image": "app:${TAG}"}, "write it out in the job"),
        ("it has no image", {}, "write one in its config"),
        ("its image is not a string", {"image": ["app"]}, "write one reference in its config"),
        ("its image is an archive", {"image": "app", "load": "app.tar"}, "name an image of a registry"),
        ("its image cannot be read", {"image": "app:"}, "correct it in the job"),
    )
    for when, config, fix in configs:
        yield _task(when, {"Driver": "docker", "Config": config}, fix)
    yield _task("its driver runs no images", {"Driver": "exec"}, "docker, podman, containerd-driver do")
    proxy: dict[str, object] = {
        "Driver": "docker",
        "Kind": "connect-proxy:web",
        "Config": {"image": "${meta.connect.sidecar_image}"},
    }
    yield _task("it is Consul Connect's", proxy, "watch a task of your own")


def _task(when: str, specification: dict[str, object], fix: str) -> RefusalRow:
    found = specified_task(TaskKey(group="app", task="server"), specification)
    return _held(when, case(job=job(found)), "task app/server", fix)
