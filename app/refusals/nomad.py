"""Refusals and outages of Nomad: each message of app/adapters/nomad/refusals.py."""

from collections.abc import Iterator
from typing import Any

import requests

from app.adapters.nomad import refusals
from app.adapters.nomad.errors import (
    while_planning,
    while_reading,
    while_writing,
)
from app.adapters.nomad.follow.promotion import Promotion
from app.adapters.nomad.http.client import NomadClient
from app.adapters.nomad.http.problem import Refusal, Silence, problem_of, refusal_of
from app.adapters.nomad.refusals import Doing
from app.domain.watch import JobPlace
from app.errors import RegistryWatcherError
from app.refusals.row import RefusalRow

ORIGIN = "https://nomad.example:4646"
PLACE = JobPlace(region="", namespace="default", job_id="app")
TOKEN = "give NOMAD_TOKEN (or NOMAD_TOKEN_FILE) a token with "


def nomad() -> Iterator[RefusalRow]:
    """A row for every message, with usual texts of Nomad in it."""
    yield from _the_job()
    yield from _denied()
    yield from _rejected()
    yield from _canaries()
    yield from _outages()
    yield _row("the token may not plan", refusals.unplanned("default"), "namespace default", "give it plan-job")
    yield _row("the token may do everything", refusals.management_token(), "NOMAD_TOKEN", "give registrywatcher")
    misshapen = refusals.misshapen(ORIGIN, KeyError("JobModifyIndex"))
    yield _row("a part of an answer is not in Nomad's form", misshapen, "Nomad at", "correct the proxy")
    why = "the variable flag VERSION was set twice"
    stale = refusals.source_stale(why)
    yield _row("its source could not be changed with it", stale, "the job's source", "run the job from its own files")


def _the_job() -> Iterator[RefusalRow]:
    check = "the next check reads it again"
    job = refusals.name_of(PLACE)
    yield _row("the job was purged before the registration", refusals.gone(job), "job app", "register it again")
    other = refusals.another_object(job, ORIGIN)
    yield _row("the answer is not the job", other, "job app", "correct the proxy")
    moved = refusals.moved(job, found=12, expected=9)
    yield _row("the job changed before the registration", moved, "job app", check)
    conflict = _message(while_writing(_refusal(500, "Enforcing job modify index 9: job exists"), ORIGIN, place=PLACE))
    yield _row("Nomad's check-and-set failed", conflict, "job app", check)
    yield _row("the job changed after the registration", refusals.moved_on(job, found=12), "job app", check)
    yield _row("it is stopped", refusals.stopped(job), "job app", "run it again in Nomad")
    yield _row("it was launched by another job", refusals.child(job, "nightly"), "job app", "watch that one instead")
    yield _row("it is multiregion", refusals.multiregion(job), "job app", "split it into one job per region")
    task = refusals.no_task(job, "app/server")
    yield _row("a task was removed before the registration", task, "task app/server", "correct nomad_task_name")
    drift = refusals.drift(job, ["group app: Count 1 -> 2"])
    yield _row("the plan changes more than the images", drift, "job app", "run the job once by hand")
    lost = refusals.outcome_unknown(job, "the connection broke before the answer", "")
    yield _row("the answer to a registration was lost", lost, "job app", "the next check reads it again")
    vain = refusals.not_applied(job)
    yield _row("a registration was answered and not applied", vain, "job app", "look into the log of Nomad's servers")


def _denied() -> Iterator[RefusalRow]:
    for doing in Doing:
        problem = while_reading(_refusal(403, "Permission denied"), ORIGIN, doing=doing, place=PLACE)
        yield _row(f"the token may not do this: {doing.action}", _message(problem), "job app", TOKEN + doing.capability)
    silent = refusals.silent_stream(ORIGIN, namespace="default")
    yield _row("its event stream sends nothing", silent, "namespace default", TOKEN + "read-job")
    refused = refusals.refused_stream(ORIGIN, 403, "Permission denied", namespace="default")
    yield _row("it refuses its event stream", refused, "namespace default", TOKEN + "read-job")
    text = "Job registration, dispatch, and scale are disabled by the scheduler configuration"
    disabled = _message(while_writing(_refusal(403, text), ORIGIN, place=PLACE))
    yield _row("reject_job_registration is on", disabled, ORIGIN, "an operator switches them on again")


def _rejected() -> Iterator[RefusalRow]:
    for status, text, fix in (
        (500, "1 error occurred:\n\t* Task server validation failed", "correct the job and run it once by hand"),
        (500, "nonexistent namespace", "create the namespace"),
        (500, 'job "app" is in nonexistent node pool "gpu"', "create the node pool"),
        (500, "Quota limit exceeded: quota", "raise the quota"),
        (500, 'Feature "Sentinel" denied by policy', "change the job so that the Sentinel policy passes"),
        (500, "error in job mutator expose-check: no port", "correct the part of the job"),
        (500, "cannot update non-parameterized job", "stop and purge the job"),
    ):
        found = _message(while_writing(_refusal(status, text), ORIGIN, place=PLACE))
        yield _row("Nomad refuses the specification", found, "job app", fix)
    planned = _message(while_planning(_refusal(400, "Job must have a valid ID"), ORIGIN, PLACE))
    yield _row("Nomad refuses to plan it", planned, "job app", "correct the job and run it once by hand")


def _canaries() -> Iterator[RefusalRow]:
    for when, status, text, fix in (
        ("the token may not promote", 403, "Permission denied", "give NOMAD_TOKEN"),
        ("a canary is not healthy", 500, 'Task group "app" has 0/1 healthy allocations', "wait until they are"),
        ("the deployment is over", 500, "can't promote terminal deployment", "deploy again"),
        ("the deployment was garbage-collected", 404, "deployment not found", "deploy again"),
        ("Nomad refuses for another reason", 400, "no canaries to promote", "check it in Nomad"),
    ):
        yield _row(when, _promoted(_refusal(status, text)), "the deployment d1a2b3c4", fix)
    lost = Silence("the connection broke before the answer; it is asked again later", sent=True)
    yield _row("the answer was lost", _promoted(lost), "the deployment d1a2b3c4", "check the deployment")


class _Refusing(NomadClient):
    """A client whose posts all fail with one error."""

    def __init__(self, problem: Exception) -> None:
        self._problem = problem

    @property
    def origin(self) -> str:
        return ORIGIN

    def post(self, place: JobPlace, *path: str, body: dict[str, Any]) -> dict[str, Any]:
        raise self._problem


def _promoted(problem: Exception) -> str:
    try:
        Promotion(_Refusing(problem)).promote(PLACE, "d1a2b3c4-0000")
    except RegistryWatcherError as error:
        return str(error)
    raise AssertionError("it was promoted")


def _outages() -> Iterator[RefusalRow]:
    later = "it is asked again later"
    for when, status, text, fix in (
        ("it has no leader", 500, "No cluster leader", "its servers elect a leader"),
        ("it asks to slow down", 429, "Too many requests", later),
        ("the region is unknown", 500, "No path to region", "correct nomad_region"),
        ("there is no Nomad at the address", 404, "404 page not found", "correct NOMAD_ADDR"),
        ("it answers with another error", 500, "internal error", later),
    ):
        yield _row(when, _message(while_reading(_refusal(status, text), ORIGIN, place=PLACE)), ORIGIN, fix)
    for when, error, fix in (
        ("it cannot be reached", requests.ConnectTimeout(), "check that the agent is up"),
        ("it is silent", requests.ReadTimeout(), later),
        ("the connection breaks", requests.ConnectionError(), later),
        ("its certificate is another's", _tls("Hostname mismatch"), "set NOMAD_TLS_SERVER_NAME"),
        ("its certificate is unknown", _tls("CERTIFICATE_VERIFY_FAILED"), "set NOMAD_CACERT"),
        ("NOMAD_CACERT is no certificate", _tls("NO_CERTIFICATE_OR_CRL_FOUND"), "name the CA's certificate"),
        ("it has no TLS", _tls("WRONG_VERSION_NUMBER"), "write http:// in NOMAD_ADDR"),
        ("TLS fails for another reason", _tls("odd"), "check NOMAD_CACERT"),
        ("the answer is not Nomad's", requests.JSONDecodeError("", "", 0), "correct NOMAD_ADDR"),
        ("the address is invalid", requests.exceptions.InvalidURL(), "correct the NOMAD_* variables"),
    ):
        yield _row(when, _message(while_reading(problem_of(error), ORIGIN)), ORIGIN, fix)


def _tls(text: str) -> Exception:
    return requests.exceptions.SSLError(text)


def _refusal(status: int, text: str) -> Refusal:
    response = requests.Response()
    response.status_code, response._content = status, text.encode()
    return refusal_of(response)


def _message(error: Exception | None) -> str:
    assert error is not None
    return str(error)


def _row(when: str, sentence: str, thing: str, fix: str) -> RefusalRow:
    return RefusalRow(when=when, name="Nomad", sentence=sentence, thing=thing, fix=fix)
