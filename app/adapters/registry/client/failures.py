"""The errors of a registry, in words: the registry, the cause with its status and message, and the fix. Pure.

It must not decide what happens next, except by the error class of app/errors.py.
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
from app.errors import RegistryDenied, RegistryUnavailable, RegistryWatcherError, RepositoryNotFound, TagNotFound
from app.outbound.client import bounded, redact

LATER = "it is asked again later"
_PLAIN_HTTP = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAnswer:
    """A complete HTTP answer; `url` is its address, after redirects."""

    status: int
    headers: httpx.Headers
    body: bytes
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryContext:
    """The registry and the repository that a message is about."""

    endpoint: RegistryEndpoint
    repository: str

    def message(self, cause: str, fix: str) -> str:
        """The registry, the cause early on, where it happened, and the fix."""
        return f"registry {self.endpoint.name}: {cause} (repository {self.repository} at {self.endpoint.origin}); {fix}"

    def quote(self, text: str) -> str:
        """Foreign text, bounded, without our credentials if it repeats them."""
        endpoint = self.endpoint
        for secret in (endpoint.password, basic(endpoint.username, endpoint.password).partition(" ")[2]):
            text = text.replace(secret, "***") if secret else text
        return bounded(redact(text))


def unavailable(
    subject: RegistryContext, cause: str, *, fix: str = LATER, retry_after: float | None = None
) -> RegistryUnavailable:
    """The error for a request that may work later."""
    return RegistryUnavailable(subject.message(cause, fix), retry_after=retry_after)


def unreachable(subject: RegistryContext, error: Exception) -> RegistryUnavailable:
    """The error for no answer: a time-out, a refused connection, a TLS failure, a protocol that is not HTTP."""
    cause, fix = _why_no_answer(subject, error)
    return unavailable(subject, cause, fix=fix)


def refused(subject: RegistryContext, answer: RegistryAnswer, *, now: datetime) -> RegistryWatcherError:
    """The error for an answer that is a refusal, by its status and code."""
    code, message = wire.read_error(answer.body)
    details = " ".join(filter(None, [f"HTTP {answer.status}", code, subject.quote(message)]))
    wait = wire.retry_after(answer.headers.get("retry-after"), now=now)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or code == "TOOMANYREQUESTS":
        return unavailable(subject, f"it asks us to slow down: {details}", retry_after=wait)
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return denied(subject, details)
    if answer.status == HTTPStatus.NOT_FOUND or code in ("NAME_UNKNOWN", "NAME_INVALID"):
        cause = f"no such repository, or it is hidden from these credentials: {details}"
        fix = "correct repository or registry_prefix, or check registry_auth"
        return RepositoryNotFound(
            subject.message(cause, fix if code else "it does not answer as a registry: check registry_domain")
        )
    if answer.status == HTTPStatus.BAD_REQUEST and not code and subject.endpoint.scheme == "http":
        return unavailable(subject, f"it probably expects HTTPS: {details}", fix='set registry_scheme = "https"')
    return unavailable(subject, f"it answered {details}", retry_after=wait)


def denied(subject: RegistryContext, details: str) -> RegistryDenied:
    """The error for refused credentials, or for none, from the registry or its token service."""
    if subject.endpoint.has_credentials:
        fix = "check registry_auth, and that this user may pull; some registries answer so for a missing repository"
    else:
        fix = "no credentials are configured: set registry_auth, or check the repository's name"
    return RegistryDenied(subject.message(f"access denied: {details}", fix))


def absent(subject: RegistryContext, reference: str, *, reason: str = "") -> TagNotFound:
    """The error for a tag or digest that does not exist; `reason` says why it cannot."""
    cause = f"there is no {bounded(reference, limit=140)}" + (f", which {reason}" if reason else "")
    return TagNotFound(subject.message(cause, "push it, or choose another tag"))


def _why_no_answer(subject: RegistryContext, error: Exception) -> tuple[str, str]:
    """The cause and the fix."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "it did not answer in time", LATER
    causes = _chain(error)
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls is not None:
        return _why_no_tls(tls)
    quoted = subject.quote(str(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "its name cannot be resolved", "check registry_domain"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes) or isinstance(error, httpx.ConnectError):
        return f"it cannot be reached: {quoted or 'no connection'}", "check registry_domain and its port"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy refused: {quoted}", "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
    hint = '. If it speaks HTTPS, set registry_scheme = "https"' if subject.endpoint.scheme == "http" else ""
    return f"the connection broke: {quoted or type(error).__name__}", f"{LATER}{hint}"


def _why_no_tls(error: ssl.SSLError) -> tuple[str, str]:
    """The cause and the fix."""
    if isinstance(error, ssl.SSLCertVerificationError):
        cause = f"its certificate is not trusted: {bounded(error.verify_message or str(error))}"
        return cause, "set registry_ca to the file of its certificate authority, or check registry_domain"
    if error.reason in _PLAIN_HTTP:
        return (
            "the server gave an HTTP response to an HTTPS client",
            'set registry_scheme = "http", or switch TLS on at the registry',
        )
    return f"TLS failed: {bounded(error.reason or str(error))}", "check registry_scheme and registry_ca"


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
