"""How a call to Nomad failed: exceptions of python-nomad and requests, sorted into Refusal and Silence. Pure.

It must not quote what libraries say about a request: that can hold a header.
"""

import ssl

import requests
from nomad.api.exceptions import BaseNomadException
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from app.adapters.nomad.text import bounded

LONGEST_REFUSAL = 16_384  # bytes that are read of a refusal; messages quote far less of it


class Refusal(Exception):
    """Nomad answered with an error status."""

    def __init__(self, status: int, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{status} {text}")
        self.status = status
        self.text = text
        self.retry_after = retry_after


class Silence(Exception):
    """There was no usable answer; `sent` is True when the request may have reached Nomad."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


Problem = Refusal | Silence


def problem_of(error: Exception) -> Problem:
    """Sort an exception of python-nomad, requests or the system into Refusal or Silence."""
    cause = error.nomad_resp if isinstance(error, BaseNomadException) else error
    if isinstance(cause, requests.Response):
        return refusal_of(cause)
    if isinstance(cause, requests.exceptions.SSLError | ssl.SSLError):
        return tls_silence(str(cause))
    if isinstance(cause, requests.exceptions.ConnectTimeout) or _never_connected(cause):
        return Silence("it cannot be reached; check that the agent is up, or correct NOMAD_ADDR", sent=False)
    if isinstance(cause, requests.exceptions.Timeout):
        return Silence("it did not answer in time; it is asked again later", sent=True)
    if isinstance(cause, requests.exceptions.ConnectionError):
        return Silence("the connection broke before the answer; it is asked again later", sent=True)
    if isinstance(cause, requests.exceptions.JSONDecodeError):
        return Silence(
            "the answer is not Nomad's JSON, so another server may listen there; correct NOMAD_ADDR", sent=True
        )
    return Silence(f"the call failed ({type(cause).__name__}); correct the NOMAD_* variables", sent=True)


def refusal_of(response: requests.Response) -> Refusal:
    """An answer with an error status as a Refusal; Nomad's plain text is cut to a bound."""
    # Not `response.text`: requests would guess the encoding of a text that names none.
    return refusal(response.status_code, response.content, retry_after=response.headers.get("Retry-After"))


def refusal(status: int, content: bytes, *, retry_after: str | None) -> Refusal:
    """A Refusal from the parts of an answer, of either HTTP library."""
    text = content[:LONGEST_REFUSAL].decode("utf-8", "replace").replace("rpc error: ", "")
    # Agents of 1.7 to 1.9 deny logs with status 500.
    status = 403 if text.strip() == "Permission denied" else status
    return Refusal(status, bounded(text, 1000), retry_after=_seconds(retry_after))


def _never_connected(error: object) -> bool:
    """True when nothing was sent. requests keeps urllib3's reason in its first argument."""
    wrapped = error.args[0] if isinstance(error, requests.exceptions.ConnectionError) and error.args else None
    return isinstance(getattr(wrapped, "reason", wrapped), NewConnectionError | ConnectTimeoutError)


def tls_silence(text: str) -> Silence:
    """The fix for a failed TLS connection, by the text of its error."""
    if "Hostname mismatch" in text or "doesn't match" in text or "not valid for" in text:
        return Silence(
            "its certificate is for another name; set NOMAD_TLS_SERVER_NAME to a name in it (server.<region>.nomad)",
            sent=False,
        )
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return Silence(
            "its certificate cannot be verified; set NOMAD_CACERT to the file of the CA that signed it", sent=False
        )
    if "NO_CERTIFICATE_OR_CRL_FOUND" in text:
        return Silence("NOMAD_CACERT holds no certificate in PEM form; name the CA's certificate", sent=False)
    if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text:
        return Silence("it does not speak TLS; write http:// in NOMAD_ADDR, or switch TLS on in Nomad", sent=False)
    return Silence("the TLS connection failed; check NOMAD_CACERT and NOMAD_CLIENT_CERT", sent=True)


def _seconds(retry_after: str | None) -> float | None:
    is_number = retry_after is not None and retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 7
    return float(retry_after) if retry_after and is_number else None
