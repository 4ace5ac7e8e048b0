"""The challenge flow: what is shown to whom, how often, and what is kept."""

import asyncio
from urllib.parse import parse_qs

import httpx
import pytest

from app.errors import RegistryDenied, RegistryUnavailable
from tests.unit.registry.answers import APP, D1, Clock, Registry, client, endpoint, tags

REALM = "https://auth.example.com/token"
CHALLENGE = {"WWW-Authenticate": f'Bearer realm="{REALM}",service="r",scope="repository:team/app:pull"'}
USER = endpoint(username="ci", password="geheim")
BASIC = "Basic Y2k6Z2VoZWlt"


class Guarded:
    """A registry behind a token service; `good` are the tokens that it takes now."""

    def __init__(self, *, realm: str = REALM, challenge: dict[str, str] | None = None) -> None:
        self.good: set[str] = set()
        self.given = 0
        self.grants = True
        self.refusal = 401
        self.challenge = challenge or {"WWW-Authenticate": CHALLENGE["WWW-Authenticate"].replace(REALM, realm)}
        self.registry = Registry(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            self.given += 1
            if self.grants:
                self.good.add(f"t{self.given}")
            return httpx.Response(200, json={"token": f"t{self.given}", "expires_in": 300})
        if request.headers.get("authorization", "").removeprefix("Bearer ") in self.good:
            return tags("v1")
        return httpx.Response(self.refusal, headers=self.challenge if self.refusal == 401 else {})


def token_service(answer: httpx.Response) -> Registry:
    """A registry whose token service gives this answer."""
    return Registry(lambda request: answer if request.url.path == "/token" else httpx.Response(401, headers=CHALLENGE))


async def test_a_token_is_requested_one_time_and_used_until_shortly_before_its_end() -> None:
    guarded, clock = Guarded(), Clock()
    async with client(guarded.registry, USER, clock=clock) as source:
        assert await source.tags("main", APP) == ("v1",)
        clock.seconds += 289
        await source.tags("main", APP)
        assert guarded.given == 1
        clock.seconds += 2
        await source.tags("main", APP)
    assert guarded.given == 2
    assert guarded.registry.authorizations == [None, BASIC, "Bearer t1", "Bearer t1", BASIC, "Bearer t2"]
    asked = guarded.registry.requests[1].url
    assert (asked.host, parse_qs(asked.query.decode())["account"]) == ("auth.example.com", ["ci"])


async def test_without_credentials_the_token_is_requested_anonymously() -> None:
    guarded = Guarded()
    async with client(guarded.registry) as source:
        await source.tags("main", APP)
    assert guarded.registry.authorizations == [None, None, "Bearer t1"]


async def test_many_at_once_share_one_renewal() -> None:
    guarded = Guarded()
    async with client(guarded.registry, USER) as source:
        await asyncio.gather(*(source.tags("main", APP) for _ in range(10)))
    assert guarded.given == 1


async def test_a_registry_that_asks_for_tokens_no_more_is_asked_without_one() -> None:
    """Its token service is gone, so that what was remembered of the login is of no use."""
    guarded, clock, gone = Guarded(), Clock(), False

    def answer(request: httpx.Request) -> httpx.Response:
        if not gone:
            return guarded.answer(request)
        return httpx.Response(404) if request.url.path == "/token" else tags("v2")

    async with client(Registry(answer), USER, clock=clock) as source:
        assert await source.tags("main", APP) == ("v1",)
        gone = True
        clock.seconds += 300
        with pytest.raises(RegistryUnavailable, match="answered HTTP 404"):
            await source.tags("main", APP)
        clock.seconds += 300
        assert await source.tags("main", APP) == ("v2",)


@pytest.mark.parametrize("refusal", [401, 403])
async def test_a_revoked_token_is_renewed_once(refusal: int) -> None:
    guarded = Guarded()
    async with client(guarded.registry, USER) as source:
        await source.tags("main", APP)
        guarded.good.clear()
        guarded.refusal = refusal
        assert await source.tags("main", APP) == ("v1",)
    assert guarded.given == 2


async def test_a_token_that_grants_too_little_is_denied_after_one_try() -> None:
    guarded = Guarded()
    guarded.grants = False
    async with client(guarded.registry, USER) as source:
        with pytest.raises(RegistryDenied, match=r"registry main: .*HTTP 401.* team/app .*registry_auth"):
            await source.tags("main", APP)
    assert len(guarded.registry.requests) == 3


async def test_wrong_basic_credentials_are_shown_once() -> None:
    registry = Registry(lambda request: httpx.Response(401, headers={"WWW-Authenticate": 'Basic realm="x"'}))
    async with client(registry, USER) as source:
        for _ in range(2):
            with pytest.raises(RegistryDenied, match="check registry_auth"):
                await source.tags("main", APP)
    assert registry.authorizations == [None, BASIC, BASIC]


@pytest.mark.parametrize("challenge", ['Basic realm="x"', "Negotiate", ""])
async def test_a_denial_without_credentials_names_the_cause(challenge: str) -> None:
    registry = Registry(lambda request: httpx.Response(401, headers={"WWW-Authenticate": challenge}))
    async with client(registry) as source:
        with pytest.raises(RegistryDenied, match="no credentials are configured"):
            await source.tags("main", APP)
    assert registry.authorizations == [None]


@pytest.mark.parametrize(
    "realm", ["http://auth.example.com/token", "https://127.0.0.1/token", "https://169.254.169.254/token", "ftp://x"]
)
async def test_an_unsafe_realm_is_not_contacted(realm: str) -> None:
    guarded = Guarded(realm=realm)
    async with client(guarded.registry, USER) as source:
        with pytest.raises(RegistryUnavailable, match="is not contacted"):
            await source.tags("main", APP)
    assert guarded.given == 0


async def test_a_realm_beside_a_local_registry_is_contacted() -> None:
    guarded = Guarded(realm="http://127.0.0.1:5001/token")
    local = endpoint("localhost:5000", scheme="http", username="ci", password="x")
    async with client(guarded.registry, local) as source:
        assert await source.tags("main", APP) == ("v1",)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (httpx.Response(401), RegistryDenied, "token service auth.example.com answered HTTP 401"),
        (httpx.Response(404), RegistryUnavailable, "answered HTTP 404"),
        (httpx.Response(503), RegistryUnavailable, "HTTP 503"),
        (httpx.Response(200, text="<html>"), RegistryUnavailable, "gave no token"),
        (httpx.Response(200, json={"token": "a\nb"}), RegistryUnavailable, "gave no token"),
        (httpx.Response(200, content=b"x" * 300_000), RegistryUnavailable, "larger than"),
    ],
)
async def test_a_failing_token_service_is_named(answer: httpx.Response, error: type[Exception], message: str) -> None:
    registry = token_service(answer)
    async with client(registry, USER) as source:
        with pytest.raises(error, match=message):
            await source.tags("main", APP)


async def test_a_rate_limited_token_service_is_left_alone() -> None:
    limited = httpx.Response(429, headers={"Retry-After": "7"})
    registry = token_service(limited)
    async with client(registry, USER) as source:
        for _ in range(2):
            with pytest.raises(RegistryUnavailable) as caught:
                await source.tags("main", APP)
            assert caught.value.retry_after == 7.0
    assert len(registry.requests) == 2


async def test_a_redirect_to_another_host_carries_no_credentials() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "mirror.example.org":
            return tags("v1") if "authorization" not in request.headers else httpx.Response(500)
        if "authorization" in request.headers:
            return httpx.Response(307, headers={"Location": "https://mirror.example.org/v2/x/tags/list"})
        return httpx.Response(401, headers={"WWW-Authenticate": "Basic"})

    registry = Registry(answer)
    async with client(registry, USER) as source:
        assert await source.tags("main", APP) == ("v1",)
    assert registry.authorizations == [None, BASIC, None]


async def test_a_challenge_of_the_redirects_target_is_not_answered() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "evil.example.org":
            return httpx.Response(401, headers={"WWW-Authenticate": 'Bearer realm="https://evil.example.org/token"'})
        return httpx.Response(302, headers={"Location": "https://evil.example.org/v2/"})

    registry = Registry(answer)
    async with client(registry, USER) as source:
        with pytest.raises(RegistryDenied):
            await source.manifest("main", APP, "v1")
    assert registry.authorizations == [None, None]


async def test_a_redirect_on_the_same_host_keeps_the_credentials() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "authorization" not in request.headers:
            return httpx.Response(401, headers={"WWW-Authenticate": "Basic"})
        if request.url.path.endswith("/v1"):
            return httpx.Response(308, headers={"Location": "/elsewhere"})
        return httpx.Response(200, headers={"Docker-Content-Digest": D1})

    registry = Registry(answer)
    async with client(registry, USER) as source:
        assert (await source.manifest("main", APP, "v1")).digest == D1
    assert registry.authorizations[-2:] == [BASIC, BASIC]
    assert registry.requests[-1].method == "HEAD"


@pytest.mark.parametrize("location", ["https://169.254.169.254/latest", "http://registry.example.com/v2/", "https://["])
async def test_an_unsafe_redirect_is_not_followed(location: str) -> None:
    registry = Registry(lambda request: httpx.Response(302, headers={"Location": location}))
    async with client(registry) as source:
        with pytest.raises(RegistryUnavailable, match="redirects to"):
            await source.tags("main", APP)
    assert len(registry.requests) == 1


async def test_redirects_end() -> None:
    registry = Registry(lambda request: httpx.Response(302, headers={"Location": "/again"}))
    async with client(registry) as source:
        with pytest.raises(RegistryUnavailable, match="do not end"):
            await source.tags("main", APP)
    assert len(registry.requests) == 4


async def test_an_error_that_echoes_the_password_is_starred() -> None:
    echo = {"errors": [{"code": "OOPS", "message": "bad password geheim, header Y2k6Z2VoZWlt"}]}
    registry = Registry(lambda request: httpx.Response(500, json=echo))
    async with client(registry, USER) as source:
        with pytest.raises(RegistryUnavailable, match=r"OOPS bad password \*\*\*, header \*\*\*"):
            await source.tags("main", APP)
    assert "geheim" not in repr(USER)
