"""The meaning of an error for a read and for a write: python-nomad's exceptions and Nomad's texts.

See docs/nomad.md, section 2.
"""

import pytest
import requests
from nomad.api.exceptions import BaseNomadException, URLNotAuthorizedNomadException
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError

from app.adapters.nomad.errors import while_reading, while_writing
from app.adapters.nomad.http.problem import Problem, Refusal, Silence, problem_of
from app.errors import JobChanged, JobRejected, NomadDenied, NomadUnavailable, RegistryWatcherError
from tests.unit.nomad.recordings import scenario

ORIGIN = "http://nomad:4646"


def answer(status: int, text: str, **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = text.encode()
    response.headers.update(headers)
    return response


def written(status: int, text: str) -> RegistryWatcherError | None:
    return while_writing(problem_of(BaseNomadException(answer(status, text))), ORIGIN)


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (500, "Enforcing job modify index 10: job exists with conflicting job modify index: 11", JobChanged),
        (500, "rpc error: rpc error: Enforcing job modify index 0: job already exists", JobChanged),
        (500, "Enforcing job modify index 5: job does not exist", JobChanged),
        (500, "1 error occurred:\n\t* Missing job task groups\n\n", JobRejected),
        (500, "rpc error: 2 errors occurred:\n\t* a\n\t* b", JobRejected),
        (500, 'job "x" is in nonexistent namespace "nope"', JobRejected),
        (500, 'cannot update job from type "service" to "batch"', JobRejected),
        (500, "error in job mutator expose-check: x", JobRejected),
        (400, "Job must be specified", JobRejected),
        (413, "too large", JobRejected),
        (403, "Permission denied", NomadDenied),
        (500, "Permission denied", NomadDenied),
        (401, "Unauthorized", NomadDenied),
        (403, "Job registration, dispatch, and scale are disabled by the scheduler configuration", NomadDenied),
        (404, "", NomadUnavailable),
        (429, "Your IP is issuing too many concurrent connections", NomadUnavailable),
        (500, "rpc error: No cluster leader", NomadUnavailable),
        (500, "Not ready to serve consistent reads", NomadUnavailable),
        (500, "No path to region", NomadUnavailable),
        (500, "rpc error: EOF", None),
        (500, "leadership lost while committing log", None),
        (502, "bad gateway", None),
        (503, "upstream connect error", None),
        (504, "timeout", None),
        (408, "timeout", None),
    ],
)
def test_what_a_refused_write_means(status: int, text: str, error: type[Exception] | None) -> None:
    found = written(status, text)
    assert type(found) is (error or type(None))
    assert "rpc error" not in str(found)


@pytest.mark.parametrize(
    "exchange",
    [
        pytest.param(each, id=each["step"])
        for each in scenario("errors")
        if each["step"].startswith("register-") and each["response"]["status"] >= 400
    ],
)
def test_every_recorded_refusal_of_a_registration_is_certain(exchange: dict[str, dict[str, str]]) -> None:
    found = written(int(exchange["response"]["status"]), exchange["response"]["body"])
    assert type(found) is JobRejected


def refused_connection() -> requests.ConnectionError:
    pool = HTTPConnectionPool("nomad")
    return requests.ConnectionError(MaxRetryError(pool, "/", NewConnectionError(HTTPConnection("nomad"), "refused")))


@pytest.mark.parametrize(
    ("cause", "sent", "message"),
    [
        (refused_connection(), False, "cannot be reached"),
        (requests.ConnectTimeout(), False, "cannot be reached"),
        (requests.ReadTimeout(), True, "did not answer in time"),
        (requests.ConnectionError("reset"), True, "connection broke"),
        (requests.ConnectionError(), True, "connection broke"),
        (requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED: unable to get"), False, "NOMAD_CACERT"),
        (requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED: Hostname mismatch"), False, "NOMAD_TLS_SERVER_NAME"),
        (requests.exceptions.SSLError("WRONG_VERSION_NUMBER"), False, "does not speak TLS"),
        (requests.exceptions.SSLError("NO_CERTIFICATE_OR_CRL_FOUND"), False, "PEM"),
        (requests.exceptions.SSLError("odd"), True, "TLS connection failed"),
        (requests.exceptions.InvalidHeader("header value: 's3cret'"), True, "InvalidHeader"),
    ],
)
def test_a_silence_knows_whether_anything_was_sent(cause: Exception, sent: bool, message: str) -> None:
    for error in (BaseNomadException(cause), cause):
        silence = problem_of(error)
        assert isinstance(silence, Silence)
        assert (silence.sent, message in str(silence), "s3cret" in str(silence)) == (sent, True, False)
        assert (while_writing(silence, ORIGIN) is None) is sent
        assert isinstance(while_reading(silence, ORIGIN), NomadUnavailable)


def test_a_system_error_is_a_silence() -> None:
    assert isinstance(problem_of(OSError("no CA bundle")), Silence)


def test_a_denied_read_names_the_fix() -> None:
    problem = problem_of(URLNotAuthorizedNomadException(answer(403, "Permission denied")))
    found = while_reading(problem, ORIGIN)
    assert isinstance(found, NomadDenied)
    assert "NOMAD_TOKEN" in str(found)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("soon", None), ("", None)])
def test_no_request_before_nomads_retry_after(header: str, seconds: float | None) -> None:
    problem: Problem = problem_of(BaseNomadException(answer(429, "slow", **{"Retry-After": header})))
    found = while_reading(problem, ORIGIN)
    assert isinstance(found, NomadUnavailable)
    assert found.retry_after == seconds


def test_quotes_are_bounded() -> None:
    found = while_reading(Refusal(500, "x"), ORIGIN)
    assert str(found).startswith("Nomad at http://nomad:4646 answers 500: x; ")
    assert len(str(written(500, "error occurred: " + "x" * 5000))) <= 1000
    assert "no text" in str(while_reading(Refusal(404, ""), ORIGIN))
