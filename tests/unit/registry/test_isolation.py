"""The outages of one registry affect no other: timeouts, slots, silence, and a change of configuration."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterator

import httpx
import pytest

from app.adapters.registry import RegistryClient
from app.adapters.registry.auth.challenges import BearerToken, TokenRequest
from app.adapters.registry.auth.tokens import TokenCache
from app.adapters.registry.limits import Closed, Gate
from app.errors import RegistryUnavailable
from tests.unit.registry.answers import APP, NOW, Clock, Registry, client, endpoint, tags


class Silent(httpx.AsyncBaseTransport):
    """Never answers, until told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.execute = asyncio.Event()
        self._asking = asyncio.Condition()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async with self._asking:
            self.asked += 1
            self._asking.notify_all()
        await self.execute.wait()
        return tags("a")

    async def heard(self, times: int) -> None:
        async with self._asking:
            await self._asking.wait_for(lambda: self.asked >= times)


async def test_a_silent_registry_is_left_in_time() -> None:
    async with client(Silent(), seconds=0.02) as source:
        with pytest.raises(RegistryUnavailable, match="did not answer in time"):
            await source.tags("main", APP)


async def test_a_silent_registry_gets_one_request_at_a_time() -> None:
    silent = Silent()
    async with client(silent, seconds=0.05) as source:
        await asyncio.gather(*(source.tags("main", APP) for _ in range(3)), return_exceptions=True)
        probe = asyncio.create_task(source.tags("main", APP))
        await silent.heard(4)
        with pytest.raises(RegistryUnavailable, match="has not been answering"):
            await source.tags("main", APP)
        silent.execute.set()
        assert await probe == ("a",)
        assert await source.tags("main", APP) == ("a",)
    assert silent.asked == 5


async def test_at_most_so_many_ask_at_once() -> None:
    silent = Silent()
    async with client(silent) as source:
        silent.execute.set()
        await source.tags("main", APP)
        silent.execute.clear()
        asking = [asyncio.create_task(source.tags("main", APP)) for _ in range(20)]
        await silent.heard(17)
        await asyncio.sleep(0)
        assert silent.asked == 17
        silent.execute.set()
        assert await asyncio.gather(*asking) == [("a",)] * 20


async def test_a_registry_that_never_answered_gets_few_requests_and_delays_no_other() -> None:
    silent = Silent()
    async with client(silent) as source:
        few = [asyncio.create_task(source.tags("main", APP)) for _ in range(4)]
        await silent.heard(4)
        with pytest.raises(RegistryUnavailable, match="has not answered yet"):
            await source.tags("main", APP)
        silent.execute.set()
        await asyncio.gather(*few)
        assert await source.tags("main", APP) == ("a",)


async def test_another_registry_is_not_delayed() -> None:
    class Both(Silent):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return tags("b") if request.url.host == "quick.example.com" else await super().handle_async_request(request)

    both = Both()
    endpoints = {"main": endpoint(), "quick": endpoint("quick.example.com")}
    async with RegistryClient(endpoints, transport=both) as source:
        waiting = [asyncio.create_task(source.tags("main", APP)) for _ in range(40)]
        assert await source.tags("quick", APP) == ("b",)
        both.execute.set()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_replacing_keeps_what_is_unchanged_and_lets_the_rest_finish() -> None:
    silent = Silent()
    source = client(silent)
    under_way = asyncio.create_task(source.tags("main", APP))
    await silent.heard(1)
    await source.replace({"new": endpoint("new.example.com")})
    with pytest.raises(RegistryUnavailable, match="not configured"):
        await source.tags("main", APP)
    silent.execute.set()
    assert await under_way == ("a",)
    assert await source.tags("new", APP) == ("a",)
    await source.aclose()


async def test_replacing_with_the_same_keeps_the_tokens() -> None:
    given = iter(range(10))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return httpx.Response(200, json={"token": f"t{next(given)}"})
        if "authorization" in request.headers:
            return tags("a")
        return httpx.Response(401, headers={"WWW-Authenticate": 'Bearer realm="https://auth.example.com/token"'})

    registry = Registry(answer)
    async with client(registry) as source:
        await source.tags("main", APP)
        await source.replace({"main": endpoint(), "other": endpoint("other.example.com")})
        await source.tags("main", APP)
        assert registry.authorizations == [None, None, "Bearer t0", "Bearer t0"]
        await source.replace({"main": endpoint(username="new", password="x")})
        await source.tags("main", APP)
    assert registry.authorizations[4:] == [None, "Basic bmV3Ong=", "Bearer t1"]


def untrusted() -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = "unable to get local issuer certificate"
    return error


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (caused(httpx.ConnectError(""), untrusted()), "not trusted.*local issuer.*registry_ca"),
        (caused(httpx.ConnectError(""), tls("WRONG_VERSION_NUMBER")), 'HTTP response to an HTTPS client.*= "http"'),
        (caused(httpx.ConnectError(""), tls("TLSV1_ALERT_PROTOCOL_VERSION")), "TLS failed"),
        (caused(httpx.ConnectError(""), socket.gaierror(-2, "x")), "name cannot be resolved"),
        (caused(httpx.ConnectError("refused"), ConnectionRefusedError(errno.ECONNREFUSED, "x")), "cannot be reached"),
        (httpx.ConnectTimeout(""), "did not answer in time"),
        (httpx.ProxyError("403 https://u:p@proxy"), "the proxy refused.*HTTPS_PROXY"),
        (httpx.ReadError(""), "connection broke: ReadError"),
        (httpx.RemoteProtocolError("illegal status"), "illegal status"),
        (OSError("broken"), "broken"),
        (httpx.DecodingError("odd"), "request failed: odd"),
    ],
)
async def test_what_keeps_an_answer_away_is_named(error: Exception, message: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    async with client(Registry(answer)) as source:
        with pytest.raises(RegistryUnavailable, match=message) as caught:
            await source.tags("main", APP)
    assert "u:p@" not in str(caught.value)


async def test_a_broken_plain_connection_hints_at_https() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.RemoteProtocolError("Server disconnected")

    async with client(Registry(answer), endpoint(scheme="http")) as source:
        with pytest.raises(RegistryUnavailable, match='registry_scheme = "https"'):
            await source.tags("main", APP)


async def test_an_https_servers_complaint_names_the_scheme() -> None:
    said = httpx.Response(400, text="Client sent an HTTP request to an HTTPS server.\n")
    async with client(Registry(lambda request: said), endpoint(scheme="http")) as source:
        with pytest.raises(RegistryUnavailable, match='registry_scheme = "https"'):
            await source.tags("main", APP)


async def test_a_gate_pauses_for_a_minute_at_most() -> None:
    clock = Clock()
    gate = Gate(clock=clock)
    gate.pause(9_999.0)
    with pytest.raises(Closed) as caught:
        async with gate.enter():
            pass
    assert caught.value.retry_after == 60.0
    clock.seconds += 61
    async with gate.enter():
        assert clock.seconds > NOW.second


async def test_a_failing_renewal_is_everybodys_own() -> None:
    request = TokenRequest(realm="https://a", service="s", scope="x", account="")
    answers: Iterator[ValueError | BearerToken] = iter([ValueError("no"), BearerToken(value="t", usable_seconds=50.0)])

    async def fetch(asked: TokenRequest) -> BearerToken:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cache = TokenCache(fetch, clock=Clock())
    with pytest.raises(ValueError, match="no"):
        await cache.get(request)
    assert await cache.get(request) == "t"
    assert cache.peek(request) == "t"


async def test_a_cache_does_not_grow_without_end() -> None:
    async def fetch(asked: TokenRequest) -> BearerToken:
        return BearerToken(value="t", usable_seconds=50.0)

    cache = TokenCache(fetch, clock=Clock())
    first = TokenRequest(realm="https://a", service="s", scope="0", account="")
    await cache.get(first)
    for number in range(1, 20_001):
        await cache.get(TokenRequest(realm="https://a", service="s", scope=str(number), account=""))
    assert cache.peek(first) is None
