"""Outages of registries: each message of app/adapters/registry/client/failures.py, produced by the client itself."""

import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace

import anyio
import httpx

from app.adapters.registry import RegistryClient, RegistryEndpoint
from app.domain.reference import Repository
from app.errors import RegistryWatcherError
from app.refusals.row import RefusalRow

LATER = "it is asked again later"
APP = Repository.of("registry.example.com", "team/app")
MAIN = RegistryEndpoint(name="main", scheme="https", domain="registry.example.com", username="", password="")
Answer = Callable[[httpx.Request], httpx.Response]


def registries() -> Iterator[RefusalRow]:
    """A row for every failed request."""
    certificate = ssl.SSLCertVerificationError(1, "certificate verify failed")
    certificate.verify_message = "unable to get local issuer certificate"
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    for when, error, fix in (
        ("it is silent", httpx.ReadTimeout(""), LATER),
        ("its certificate is unknown", _caused(certificate), "set registry_ca"),
        ("it has no TLS", _caused(_tls("WRONG_VERSION_NUMBER")), "set registry_scheme"),
        ("TLS fails for another reason", _caused(_tls("TLSV1_ALERT_PROTOCOL_VERSION")), "check registry_scheme"),
        ("its name is unknown", _caused(socket.gaierror(-2, "unknown")), "check registry_domain"),
        ("nothing listens", _caused(refused), "check registry_domain and its port"),
        ("a proxy refuses", httpx.ProxyError("403 Forbidden"), "check HTTP_PROXY"),
        ("the connection breaks", httpx.ReadError(""), LATER),
    ):
        yield _asked(when, _raising(error), fix)
    for when, status, fix in (
        ("it asks to slow down", 429, LATER),
        ("it refuses anonymous requests", 403, "set registry_auth"),
        ("it fails", 502, LATER),
    ):
        yield _asked(when, _answering(status), fix)
    yield _asked("a header of its answer is too long", _with_header("Link", "<" * 10_000), "correct the server")
    login = replace(MAIN, username="ci", password="secret")
    found = _message(_answering(403), login)
    yield _row("it refuses the configured user", found, "registry main", "check registry_auth")


def _asked(when: str, answer: Answer, fix: str) -> RefusalRow:
    return _row(when, _message(answer), "registry main", fix)


def _message(answer: Answer, at: RegistryEndpoint = MAIN) -> str:
    async def read() -> str:
        async with RegistryClient({"main": at}, transport=httpx.MockTransport(answer)) as source:
            try:
                await source.tags("main", APP)
            except RegistryWatcherError as error:
                return str(error)
        raise AssertionError("the request succeeded")

    return anyio.run(read)


def _raising(error: Exception) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


def _answering(status: int) -> Answer:
    return lambda request: httpx.Response(status, json={})


def _with_header(header: str, value: str) -> Answer:
    return lambda request: httpx.Response(200, headers={header: value}, json={})


def _caused(cause: Exception) -> Exception:
    error = httpx.ConnectError("")
    error.__cause__ = cause
    return error


def _tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    return error


def _row(when: str, sentence: str, thing: str, fix: str) -> RefusalRow:
    return RefusalRow(when=when, name="registry", sentence=sentence, thing=thing, fix=fix)
