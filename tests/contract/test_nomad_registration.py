"""The reads before a registration, and their effects: Nomad's plan, and the job's source."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.domain.job import JobPatch, Preview, SourceState, TaskChange
from app.domain.watch import JobPlace
from app.errors import JobChanged, JobRejected, NomadDenied, NomadUnavailable
from tests.contract.nomad_stub import (
    JOB,
    PARSE,
    PATCH,
    PLACE,
    PLAN,
    SERVER,
    SUBMISSION,
    Stub,
    a_diff,
    a_job,
    a_plan,
    opened,
)
from tests.servers.http import serve

SCALED = {"Name": "Count", "Old": "1", "New": "3", "Type": "Edited"}
HCL = 'job "web" { image = "reg.example/app:${var.tag}" password = "s3cret" }'


@pytest.fixture
def nomad() -> Stub:
    return Stub()


@pytest.fixture
def address(nomad: Stub) -> Iterator[str]:
    with serve(nomad) as url:
        yield url


@pytest.fixture
async def deployer(address: str) -> AsyncIterator[NomadDeployer]:
    async with opened(NomadConnection(address=address, timeout=0.5)) as made:
        yield made


async def test_a_preview_plans_the_edited_job_and_posts_nothing(nomad: Stub, deployer: NomadDeployer) -> None:
    found = await deployer.preview(PLACE, PATCH)
    assert found == Preview(lines=("group app, task server: Config image: reg.example/app:v1 → reg.example/app:v2",))
    [body] = nomad.bodies[PLAN]
    assert body["Diff"] is True
    assert body["Job"]["TaskGroups"][0]["Tasks"][0]["Config"] == {"image": "reg.example/app:v2"}
    assert nomad.paths() == [f"GET {JOB}", f"POST {PLAN}"]


async def test_a_registration_costs_four_requests_where_no_source_is_stored(
    nomad: Stub, deployer: NomadDeployer
) -> None:
    made = await deployer.submit(PLACE, PATCH)
    assert (made.source, made.source_note, made.warnings) == (SourceState.NONE, "", "")
    assert nomad.paths() == [f"GET {JOB}", f"POST {PLAN}", f"GET {SUBMISSION}", f"POST {JOB}"]


async def test_drift_stops_the_registration_and_is_quoted(nomad: Stub, deployer: NomadDeployer) -> None:
    nomad.answers[f"POST {PLAN}"] = [a_plan(SCALED, *({**SCALED, "Name": f"F{n}"} for n in range(9)))]
    assert len((await deployer.preview(PLACE, PATCH)).foreign) == 10
    with pytest.raises(
        JobRejected, match=r"job apps/web .*\(group app: Count: 1 → 3; .*; and 5 more\).* run the job once"
    ):
        await deployer.submit(PLACE, PATCH)
    assert nomad.posted == []


async def test_a_plan_of_another_index_is_a_change_by_somebody_else(nomad: Stub, deployer: NomadDeployer) -> None:
    nomad.answers[f"POST {PLAN}"] = [a_plan(index=8)]
    for call in (deployer.preview, deployer.submit):
        with pytest.raises(JobChanged, match="index 8, not 7"):
            await call(PLACE, PATCH)
    assert nomad.posted == []


async def test_without_the_right_to_plan_it_goes_on_and_says_so_once_for_each_namespace(
    nomad: Stub, deployer: NomadDeployer
) -> None:
    nomad.answers[f"POST {PLAN}"] = [Response("Permission denied", status_code=403)]
    assert await deployer.preview(PLACE, PATCH) == Preview(allowed=False)
    first, second = [await deployer.submit(PLACE, PATCH) for _ in range(2)]
    elsewhere = await deployer.submit(JobPlace(region="", namespace="other", job_id="web"), PATCH)
    assert "may not plan in namespace apps" in first.warnings
    assert second.warnings == ""
    assert "may not plan in namespace other" in elsewhere.warnings
    assert len(nomad.posted) == 3


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (Response("No cluster leader", status_code=500), NomadUnavailable, "elect a leader"),
        (Response("rpc error: EOF", status_code=500), NomadUnavailable, "asked again later"),
        (Response("bad gateway", status_code=502), NomadUnavailable, "asked again later"),
        (Response("slow down", status_code=429), NomadUnavailable, "http_max_conns_per_client"),
        (Response("<html>", status_code=200), NomadUnavailable, "NOMAD_ADDR"),
        (Response("Unauthorized", status_code=401), NomadDenied, "plan-job"),
        (Response("1 error occurred:\n\t* Bad", status_code=500), JobRejected, "planning job apps/web: Bad; correct"),
        (Response("Job ID does not match", status_code=400), JobRejected, "correct nomad_job_name"),
    ],
)  # fmt: skip
async def test_a_plan_that_fails_wrote_nothing_and_leaves_nothing_unknown(
    nomad: Stub, deployer: NomadDeployer, answer: Response, error: type[Exception], message: str
) -> None:
    nomad.answers[f"POST {PLAN}"] = [answer]
    with pytest.raises(error, match=message):
        await deployer.submit(PLACE, PATCH)
    assert nomad.posted == []


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (a_job(Stop=True), "job web is stopped; run it again"),
        (a_job(ParentID="cron"), "launched by 'cron'; watch that one"),
        (a_job(Multiregion={"Regions": []}), "job web is multiregion"),
        (a_job(TaskGroups=[]), "job web has no task app/server; correct nomad_task_name"),
    ],
)
async def test_a_job_that_must_not_be_touched_is_neither_planned_nor_posted(
    nomad: Stub, deployer: NomadDeployer, job: dict[str, Any], message: str
) -> None:
    nomad.job = job
    with pytest.raises(JobRejected, match=message):
        await deployer.preview(PLACE, PATCH)
    assert nomad.paths() == [f"GET {JOB}"]


def with_source(nomad: Stub, *, flags: dict[str, str] | None = None, **fields: object) -> None:
    stored = {"Source": HCL, "Format": "hcl2", "VariableFlags": flags or {"tag": "v1"}, "Variables": "", **fields}
    nomad.answers[f"GET {SUBMISSION}"] = [JSONResponse(stored)]


def parsed(image: str = "reg.example/app:v2") -> dict[str, Any]:
    job = a_job()
    job["TaskGroups"][0]["Tasks"][0]["Config"]["image"] = image
    return job


async def test_a_source_that_is_proved_goes_with_the_registration(nomad: Stub, deployer: NomadDeployer) -> None:
    with_source(nomad)
    nomad.answers[f"POST {PARSE}"] = [JSONResponse(parsed())]
    made = await deployer.submit(PLACE, PATCH)
    assert (made.source, made.source_note) == (SourceState.KEPT, "")
    [request] = nomad.bodies[PARSE]
    assert (request["JobHCL"], request["Variables"], request["Canonicalize"]) == (HCL, '\ntag = "v2"\n', True)
    [body] = nomad.posted
    assert body["Submission"] == {"Source": HCL, "Format": "hcl2", "VariableFlags": {"tag": "v2"}, "Variables": ""}
    assert body["Job"] == nomad.bodies[PLAN][0]["Job"], "our edit is registered, not the parse"
    assert nomad.bodies[PLAN][1]["Job"] == parsed()
    assert [dict(each.query_params).get("version") for each in nomad.requests if each.url.path == SUBMISSION] == ["0"]


async def test_a_source_in_json_is_proved_without_a_parse(nomad: Stub, deployer: NomadDeployer) -> None:
    text = bytes(JSONResponse({"Job": a_job()}).body).decode()
    with_source(nomad, flags={}, Source=text, Format="json", VariableFlags=None)
    made = await deployer.submit(PLACE, PATCH)
    assert made.source is SourceState.KEPT
    assert nomad.posted[0]["Submission"]["Source"] == text.replace("app:v1", "app:v2")
    assert PARSE not in nomad.bodies


BAD = Response("Failed to parse job: s3cret", status_code=400)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        pytest.param({f"POST {PARSE}": [BAD]}, "parse-job", id="not parsed"),
        pytest.param({f"POST {PARSE}": [Response("", status_code=403)]}, "parse-job", id="parsing denied"),
        pytest.param({f"POST {PARSE}": [Response("", status_code=502)]}, "parse-job", id="no answer"),
        pytest.param({f"POST {PARSE}": [JSONResponse(parsed("x:v2"))]}, "does not give the new image", id="elsewhere"),
        pytest.param({f"POST {PARSE}": [JSONResponse({**parsed(), "ID": "w"})]}, "does not give", id="another job"),
        pytest.param({f"POST {PLAN}": [a_plan(), a_plan(SCALED)]}, "in more than the image", id="scaled since"),
        pytest.param({f"POST {PLAN}": [a_plan(), a_plan(index=8)]}, "in more than the image", id="changed since"),
        pytest.param({f"POST {PLAN}": [Response("", status_code=403)]}, "may not plan", id="planning denied"),
        pytest.param({f"GET {SUBMISSION}": [Response("bad escape", status_code=500)]}, "read it back", id="unreadable"),
        pytest.param({f"GET {SUBMISSION}": [JSONResponse({"Source": "x" * 10})]}, "exactly once", id="not there"),
        pytest.param(
            {f"GET {SUBMISSION}": [JSONResponse({"Source": '"reg.example/app:v1"' + "x" * 1_000_000})]},
            "job_max_source_size",
            id="too large",
        ),
        pytest.param(
            {f"GET {SUBMISSION}": [JSONResponse({"Source": '"reg.example/app:v1"', "Format": "json"})]},
            "parse",
            id="no JSON job",
        ),
        pytest.param(
            {f"POST {JOB}": [JSONResponse({"JobModifyIndex": 9, "Index": 9, "Warnings": "source will be discarded"})]},
            "dropped it as too large",
            id="dropped",
        ),
    ],
)  # fmt: skip
async def test_a_source_that_cannot_be_proved_is_stale_with_the_reason_and_never_quoted(
    nomad: Stub, deployer: NomadDeployer, answers: dict[str, list[Response]], message: str
) -> None:
    with_source(nomad)
    nomad.answers |= {f"POST {PARSE}": [JSONResponse(parsed())], **{key: list(each) for key, each in answers.items()}}
    made = await deployer.submit(PLACE, PATCH)
    assert made.source is SourceState.STALE
    assert message in made.source_note
    assert "still names the old image" in made.source_note
    assert "s3cret" not in repr(made)
    [body] = nomad.posted
    assert ("Submission" in body) is (message == "dropped it as too large")


async def test_a_marker_cannot_stand_in_a_source(nomad: Stub, deployer: NomadDeployer) -> None:
    with_source(nomad)
    marked = JobPatch(changes={SERVER: TaskChange(image="reg.example/app:v2", marker="r-1")}, expected_index=7)
    marker = {"Name": "Meta[registrywatcher.rollout]", "Old": "", "New": "r-1", "Type": "Added"}
    diff = a_diff()
    diff["TaskGroups"][0]["Tasks"][0]["Fields"] = [marker]
    nomad.answers[f"POST {PLAN}"] = [JSONResponse({"JobModifyIndex": 7, "Diff": diff})]
    made = await deployer.submit(PLACE, marked)
    assert (made.source, "marker of ours" in made.source_note) == (SourceState.STALE, True)


async def test_where_no_image_changes_the_source_is_not_even_read(nomad: Stub, deployer: NomadDeployer) -> None:
    with_source(nomad)
    nomad.answers[f"POST {PLAN}"] = [JSONResponse({"JobModifyIndex": 7, "Diff": {"Type": "None"}})]
    same = JobPatch(changes={SERVER: TaskChange(image="reg.example/app:v1")}, expected_index=7)
    assert (await deployer.submit(PLACE, same)).source is SourceState.NONE
    assert nomad.paths() == [f"GET {JOB}", f"POST {PLAN}", f"POST {JOB}"]


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        (JSONResponse({"Source": HCL, "VariableFlags": {"tag": "v2"}}), SourceState.KEPT),
        (JSONResponse({"Source": HCL, "VariableFlags": {"tag": "v1"}}), SourceState.STALE),
        (Response("job source not found", status_code=404), SourceState.NONE),
        (Response("invalid URL escape", status_code=500), SourceState.STALE),
    ],
)
async def test_a_recovered_registration_reports_the_state_of_its_source(
    nomad: Stub, deployer: NomadDeployer, answer: Response, source: SourceState
) -> None:
    nomad.job = {**parsed(), "JobModifyIndex": 9, "Version": 3}
    nomad.answers[f"GET {SUBMISSION}"] = [answer]
    found = await deployer.recover(PLACE, PATCH)
    assert found is not None
    assert (found.index, found.source) == (9, source)
