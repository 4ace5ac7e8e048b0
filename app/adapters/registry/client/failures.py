"""Says what went wrong with a registry: which, its status and words, and the mend where there is one. Pure.

It must not decide what to do next beyond choosing the error class of app/errors.py.
"""

import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import httpx

from app.adapters.registry import wire
from app.adapters.registry.auth.challenges import basic
from app.adapters.registry.client.endpoint import RegistryEndpoint
from app.errors import RegistryDenied, RegistryUnavailable, RegistryWatcherError, RepositoryNotFound
from app.outbound.client import bounded, redact

_SPEAKS_PLAIN = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAnswer:
    """A complete HTTP answer; `url` is where it came from, after redirects."""

    status: int
    headers: httpx.Headers
    body: bytes
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is being asked about, for messages."""

    endpoint: RegistryEndpoint
    repository: str

    def __str__(self) -> str:
        return f"registry {self.endpoint.name} ({self.endpoint.origin}), repository {self.repository}"

    def quote(self, text: str) -> str:
        """Foreign text, bounded and without our credentials, should it echo them."""
        endpoint = self.endpoint
        for secret in (endpoint.password, basic(endpoint.username, endpoint.password).partition(" ")[2]):
            text = text.replace(secret, "***") if secret else text
        return bounded(redact(text))


def unavailable(subject: Subject, reason: str, *, retry_after: float | None = None) -> RegistryUnavailable:
    """Later may work, for a `reason` in our words."""
    return RegistryUnavailable(f"{subject}: {reason}", retry_after=retry_after)


def unreachable(subject: Subject, error: Exception) -> RegistryUnavailable:
    """No answer came: a time-out, a refused connection, TLS that fails, a protocol that is not HTTP."""
    return unavailable(subject, _why_no_answer(subject, error))


def refused(subject: Subject, answer: RegistryAnswer, *, now: datetime) -> RegistryWatcherError:
    """The registry answered, but not with what was asked for: the error for its status and code."""
    code, message = wire.read_error(answer.body)
    said = " ".join(filter(None, [f"HTTP {answer.status}", code, subject.quote(message)]))
    wait = wire.retry_after(answer.headers.get("retry-after"), now=now)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or code == "TOOMANYREQUESTS":
        return unavailable(subject, f"{said}: it asks us to slow down, and is asked again later", retry_after=wait)
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return denied(subject, said)
    if answer.status == HTTPStatus.NOT_FOUND or code in ("NAME_UNKNOWN", "NAME_INVALID"):
        hint = "" if code else ". The answer is not a registry's: check registry_domain and registry_prefix"
        return RepositoryNotFound(
            f"{subject}: {said}: there is no such repository, or these credentials do not show it{hint}"
        )
    if answer.status == HTTPStatus.BAD_REQUEST and not code and subject.endpoint.scheme == "http":
        return unavailable(subject, f'{said}: servers of HTTPS answer so to plain HTTP. Set registry_scheme = "https"')
    return unavailable(subject, f"{said} is no answer to go on with; it is asked again later", retry_after=wait)


def denied(subject: Subject, said: str) -> RegistryDenied:
    """The registry, or the token service it named, refuses who we are (or that we are nobody)."""
    if subject.endpoint.has_credentials:
        fix = "Check registry_auth, and that this user may pull; some registries answer so for a missing repository"
    else:
        fix = "No credentials are configured: set registry_auth, or check the repository's name"
    return RegistryDenied(f"{subject}: {said}: access denied. {fix}")


def _why_no_answer(subject: Subject, error: Exception) -> str:
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "it did not answer in time, and is asked again later"
    causes = _chain(error)
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({bounded(tls.verify_message or str(tls))}). "
            "Set registry_ca to the file of its certificate authority, or check registry_domain"
        )
    if tls is not None and tls.reason in _SPEAKS_PLAIN:
        return 'the server gave an HTTP response to an HTTPS client. Set registry_scheme = "http", or give it TLS'
    if tls is not None:
        return f"TLS failed ({bounded(tls.reason or str(tls))}). Check registry_scheme and registry_ca"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "its name cannot be resolved. Check registry_domain"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes) or isinstance(error, httpx.ConnectError):
        return (
            f"it cannot be reached ({subject.quote(str(error)) or 'no connection'}). Check registry_domain and its port"
        )
    if isinstance(error, httpx.ProxyError):
        return f"the proxy refused ({subject.quote(str(error))}). Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
    hint = ' If it speaks HTTPS, set registry_scheme = "https"' if subject.endpoint.scheme == "http" else ""
    return f"the connection broke ({subject.quote(str(error)) or type(error).__name__}); it is asked again later.{hint}"


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
