"""Each refusal is one sentence that names the thing and the fix."""

import re

import pytest

from app.adapters.nomad import refusals
from app.adapters.nomad.errors import while_planning, while_reading, while_writing
from app.adapters.nomad.http.problem import Refusal, Silence
from app.adapters.nomad.refusals import Doing
from app.domain.watch import JobPlace
from app.errors import JobRejected, NomadDenied, NomadUnavailable
from tests.unit.nomad.recordings import scenario

ORIGIN = "https://nomad.example:4646"
PLACE = JobPlace(region="global", namespace="apps", job_id="web")
JOB = "apps/web"
DISABLED = "Job registration, dispatch, and scale are disabled by the scheduler configuration"


@pytest.mark.parametrize(
    ("sentence", "thing", "fix"),
    [
        (refusals.gone(JOB), "job apps/web", "register it again"),
        (refusals.moved(JOB, found=8, expected=7), "job apps/web", "the next check reads it again"),
        (refusals.conflict(JOB, "Enforcing job modify index 7"), "job apps/web", "the next check reads it again"),
        (refusals.conflict(None, "Enforcing job modify index 7"), "the job", "the next check reads it again"),
        (refusals.moved_on(JOB, found=9), "job apps/web", "the next check reads it again"),
        (refusals.stopped("web"), "job web", "run it again in Nomad"),
        (refusals.child("web/periodic-1", "web"), "job web/periodic-1", "watch that one"),
        (refusals.multiregion("web"), "job web", "one job per region"),
        (refusals.no_task("web", "app/server"), "task app/server", "correct nomad_task_name"),
        (refusals.drift(JOB, ["group app: Count: 1 → 2"]), "job apps/web", "run the job once by hand"),
        (refusals.unplanned("apps"), "namespace apps", "give it plan-job"),
        (refusals.source_stale("it is not there"), "the job's source", "run the job from its own files"),
        (refusals.outcome_unknown(JOB, "reset", ": x"), "job apps/web", "the next check reads it again"),
        (refusals.not_applied(JOB), "job apps/web", "the next check reads it again"),
        (refusals.management_token(), "NOMAD_TOKEN", "client token with the policy"),
        (refusals.silent(ORIGIN, "it cannot be reached; correct NOMAD_ADDR"), ORIGIN, "NOMAD_ADDR"),
    ],
)
def test_each_names_the_thing_and_the_fix(sentence: str, thing: str, fix: str) -> None:
    assert thing in sentence
    assert fix in sentence
    assert one_line(sentence)


def one_line(sentence: str) -> bool:
    return "\n" not in sentence and len(sentence) < 1200 and not sentence.endswith(".")


def test_drift_is_quoted_bounded() -> None:
    message = refusals.drift(JOB, [f"group app: {name * 300}" for name in "abcdefgh"])
    assert message.count("group app") <= 5
    assert "; and 3 more" in message
    assert one_line(message)


@pytest.mark.parametrize(
    ("doing", "thing", "capability"),
    [
        (Doing.READING, "denies reading job apps/web", "read-job in namespace apps"),
        (Doing.PLANNING, "denies planning job apps/web", "plan-job in namespace apps"),
        (Doing.REGISTERING, "denies registering job apps/web", "register-job in namespace apps"),
        (Doing.READING_LOGS, "denies reading the logs of job apps/web", "read-logs in namespace apps"),
    ],
)
@pytest.mark.parametrize("status", [401, 403])
def test_a_denial_names_the_call_and_what_the_token_lacks(
    status: int, doing: Doing, thing: str, capability: str
) -> None:
    found = while_reading(Refusal(status, "Permission denied"), ORIGIN, doing=doing, place=PLACE)
    assert isinstance(found, NomadDenied)
    for part in (ORIGIN, thing, "Permission denied", "NOMAD_TOKEN_FILE", capability, "registrywatcher.policy.hcl"):
        assert part in str(found)
    assert ("volume" in str(found)) is (doing is Doing.REGISTERING)


def test_a_denial_without_a_place_speaks_of_jobs() -> None:
    assert "denies reading its jobs (Permission denied)" in str(while_reading(Refusal(403, ""), ORIGIN))
    nowhere = JobPlace(region="", namespace="", job_id="web")
    assert "in namespace default" in str(while_reading(Refusal(403, ""), ORIGIN, place=nowhere))


def test_registrations_that_an_operator_switched_off_name_the_switch() -> None:
    found = while_writing(Refusal(403, DISABLED), ORIGIN, PLACE)
    assert isinstance(found, NomadDenied)
    assert "-reject-job-registration=false" in str(found)
    assert "NOMAD_TOKEN" not in str(found)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ('job "web" is in nonexistent namespace "apps"', "nomad namespace apply"),
        ('job "web" is in nonexistent node pool "gpu"', "nomad node pool apply"),
        ("error in job mutator connect: x", "mutator cannot handle"),
        ('Vault "default" not enabled but used in the job', "enable it in the configuration of Nomad's servers"),
        ("Multiregion jobs are unlicensed.", "licence"),
        ("resource quota exceeded", "raise the quota"),
        ("2 errors occurred:\n\t* Sentinel policy failed", "Sentinel policy passes"),
        ('cannot update job from type "service" to "batch"', "under another name"),
        ("1 error occurred:\n\t* Missing job task groups\n\n", "run it once by hand"),
    ],
)
def test_nomads_text_about_a_specification_is_followed_by_the_fix(text: str, fix: str) -> None:
    for found in (while_writing(Refusal(500, text), ORIGIN, PLACE), while_planning(Refusal(500, text), ORIGIN, PLACE)):
        assert isinstance(found, JobRejected)
        assert "job apps/web: " in str(found)
        assert fix in str(found)
        assert one_line(str(found))


def test_a_list_of_errors_is_shown_without_its_bullets() -> None:
    found = refusals.rejected("2 errors occurred:\n\t* Missing a\n\t* Missing b\n\n", job=JOB)
    assert found == (
        "Nomad refuses registering job apps/web: Missing a, Missing b; correct the job and run it once by hand "
        "(nomad job run)"
    )
    assert refusals.rejected("", job=None).startswith("Nomad refuses registering the job: no text; ")


@pytest.mark.parametrize(
    ("status", "text", "fix"),
    [
        (500, "No path to region", "correct nomad_region"),
        (500, "rpc error: No cluster leader", "elect a leader"),
        (500, "Not ready to serve consistent reads", "elect a leader"),
        (500, "EOF", "asked again later"),
        (429, "too many connections", "http_max_conns_per_client"),
        (404, "404 page not found", "correct NOMAD_ADDR"),
        (301, "", "NOMAD_ADDR"),
        (503, "", "no text; it is asked again later"),
    ],
)
def test_an_outage_of_nomad_names_the_fix(status: int, text: str, fix: str) -> None:
    found = while_reading(Refusal(status, text), ORIGIN, place=PLACE)
    assert isinstance(found, NomadUnavailable)
    assert fix in str(found)
    assert f"{ORIGIN} answers {status} to reading job apps/web: " in str(found)


def test_a_silent_plan_leaves_nothing_unknown() -> None:
    for sent in (True, False):
        assert isinstance(while_planning(Silence("it did not answer", sent=sent), ORIGIN, PLACE), NomadUnavailable)


@pytest.mark.parametrize(
    ("place", "name"),
    [(PLACE, "apps/web"), (JobPlace(region="eu", namespace="default", job_id="web"), "eu/web")],
)
def test_a_default_region_is_not_named(place: JobPlace, name: str) -> None:
    assert refusals.name_of(place) == name


@pytest.mark.parametrize(
    "exchange",
    [
        pytest.param(each, id=each["step"])
        for each in scenario("errors")
        if each["step"].startswith("register-") and each["response"]["status"] >= 400
    ],
)
def test_recorded_refusals_make_one_sentence(exchange: dict[str, dict[str, str]]) -> None:
    reply = exchange["response"]
    found = str(while_writing(Refusal(int(reply["status"]), reply["body"]), ORIGIN, PLACE))
    assert "job apps/web" in found
    assert one_line(found)
    assert not re.search(r"\* |error occurred", found)
