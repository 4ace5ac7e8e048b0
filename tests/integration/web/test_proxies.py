"""Which requests go by the environment's proxy, in both HTTP libraries: a real proxy, and real servers on loopback."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from app.adapters.nomad.http.access import NomadAccess
from app.adapters.nomad.http.client import NomadClient
from app.adapters.nomad.http.connection import NomadConnection
from app.adapters.nomad.http.polling import LongPolls, PollFailed
from app.adapters.notifiers.slack import SlackChannel
from app.adapters.registry import RegistryClient, RegistryEndpoint
from app.domain.message import Message
from app.domain.notification import NotificationKind
from app.domain.reference import Repository
from app.domain.watch import JobPlace
from app.errors import NomadUnavailable, Permanent, RegistryUnavailable
from app.outbound.client import open_client
from app.simulators.nomad import Simulator, create_simulator_app, sample_job
from app.simulators.registry import LocalRegistry, create_registry_app
from tests.servers.http import serve
from tests.servers.proxy import Proxy, recording_proxy
from tests.servers.recorder import recording

TOKEN = "nomads-token"
PLACE = JobPlace(region="", namespace="default", job_id="app")
# As a resolver reads them all are this machine.
SPELLINGS = ("127.0.0.1", "localhost", "LOCALHOST", "127.1", "2130706433", "0x7f.1", "0.0.0.0")
VARIABLES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")

Ask = Callable[[str], Awaitable[object]]


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy that no variable names yet."""
    for name in (*VARIABLES, "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with recording_proxy() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def nomad_port() -> Iterator[str]:
    nomad = Simulator()
    nomad.seed(sample_job("app", "registry.example.com/team/app:v1.0.0"))
    with serve(create_simulator_app(nomad)) as url:
        yield url.rpartition(":")[2]


@pytest.fixture(scope="module")
def registry_port() -> Iterator[str]:
    registry = LocalRegistry()
    registry.push("team/app", "v1.0.0", content="app")
    with serve(create_registry_app(registry)) as url:
        yield url.rpartition(":")[2]


async def read(origin: str) -> object:
    client = NomadClient(NomadAccess(NomadConnection(address=origin, token=TOKEN)))
    try:
        return await asyncio.to_thread(client.job, PLACE)
    finally:
        client.close()


async def register(origin: str) -> object:
    client = NomadClient(NomadAccess(NomadConnection(address=origin, token=TOKEN)))
    try:
        job = sample_job("other", "registry.example.com/team/app:v1.0.0")
        return await asyncio.to_thread(client.post, PLACE, "job", "other", body={"Job": job})
    finally:
        client.close()


async def poll(origin: str) -> object:
    polls = LongPolls(NomadAccess(NomadConnection(address=origin, token=TOKEN)))
    try:
        return await polls.query(PLACE, "job", "app", index=1)
    finally:
        await polls.aclose()


async def list_tags(origin: str) -> object:
    endpoint = RegistryEndpoint(name="main", scheme="http", domain=origin.removeprefix("http://"))
    async with RegistryClient({"main": endpoint}) as client:
        return await client.tags("main", Repository.of("registry.example.com", "team/app"))


async def notify(origin: str) -> None:
    async with open_client() as client:
        message = Message(notification_id="1", kind=NotificationKind.FAILED, headline="h", detail="", links=())
        await SlackChannel(client, f"{origin}/hooks").send(message)


NOMADS = {"read": read, "registration": register, "long poll": poll}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("kind", NOMADS)
async def test_a_nomad_on_this_machine_is_asked_directly(
    kind: str, spelling: str, proxy: Proxy, nomad_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert await NOMADS[kind](f"http://{spelling}:{nomad_port}")
    assert proxy.asked == []


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("kind", NOMADS)
async def test_whatever_variable_names_the_proxy(
    kind: str, variable: str, proxy: Proxy, nomad_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, proxy.url)
    assert await NOMADS[kind](f"http://127.0.0.1:{nomad_port}")
    assert proxy.asked == []


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_a_registry_on_this_machine_is_asked_directly(
    spelling: str, proxy: Proxy, registry_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert await list_tags(f"http://{spelling}:{registry_port}") == ("v1.0.0",)
    assert proxy.asked == []


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_a_notification_to_this_machine_is_sent_directly(
    spelling: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    with recording() as recorder:
        port = recorder.url.rpartition(":")[2].partition("/")[0]
        await notify(f"http://{spelling}:{port}")
        assert len(recorder.wait_for(lambda received: len(received) == 1)) == 1
    assert proxy.asked == []


ELSEWHERE: dict[str, tuple[Ask, type[Exception]]] = {
    "read": (read, NomadUnavailable),
    "long poll": (poll, PollFailed),
    "registry": (list_tags, RegistryUnavailable),
    "notification": (notify, Permanent),
}


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("kind", ELSEWHERE)
async def test_what_is_elsewhere_goes_by_the_proxy(
    kind: str, variable: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, proxy.url)
    ask, failure = ELSEWHERE[kind]
    with pytest.raises(failure):
        await ask("http://elsewhere.invalid:4646")
    assert len(proxy.lines) == 1
    assert proxy.lines[0].partition(" ")[2].startswith("http://elsewhere.invalid:4646/")


@pytest.mark.parametrize("exempt", ["elsewhere.invalid", ".invalid", "*", "a, elsewhere.invalid:4646", "INVALID"])
@pytest.mark.parametrize("kind", ELSEWHERE)
async def test_what_is_exempt_does_not(kind: str, exempt: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", exempt)
    ask, _ = ELSEWHERE[kind]
    with pytest.raises(Exception, match=r".*"):  # the name has no address
        await ask("http://elsewhere.invalid:4646")
    assert proxy.asked == []


async def test_nomad_is_shown_no_password_of_a_netrc(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "netrc"
    file.write_text("default login somebody password geheim\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    for ask, failure in (ELSEWHERE["read"], ELSEWHERE["long poll"]):
        with pytest.raises(failure):
            await ask("http://elsewhere.invalid:4646")
    assert len(proxy.asked) == 2
    for _, headers in proxy.asked:
        assert "authorization" not in {name.lower() for name in headers}
