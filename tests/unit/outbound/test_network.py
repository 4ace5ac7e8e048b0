"""Headers of answers are bounded before anything reads them; an exceeded bound is reported."""

import httpx
import pytest

from app.adapters.nomad.http.access import NomadAccess
from app.adapters.nomad.http.connection import NomadConnection
from app.adapters.nomad.http.polling import LongPolls, PollFailed
from app.adapters.nomad.http.problem import refusal_of
from app.adapters.notifiers.slack import SlackChannel
from app.adapters.registry import RegistryClient, RegistryEndpoint
from app.domain.message import Message
from app.domain.notification import NotificationKind
from app.domain.reference import Repository
from app.domain.watch import JobPlace
from app.errors import ConfigError, RegistryUnavailable, Transient
from app.outbound.client import open_client
from app.outbound.network import LONGEST_HEADER, MOST_VALUES, HeaderRefused, kept
from tests.servers.hostile import Hostile, hostile_registry
from tests.unit.foreign.nomads import _response

APP = Repository.of("registry.example.com", "team/bad")
LONG = "<" * 95_000


async def tags(hostile: Hostile) -> tuple[str, ...]:
    endpoint = RegistryEndpoint(name="main", scheme="http", domain=hostile.host)
    async with RegistryClient({"main": endpoint}) as client:
        return await client.tags("main", APP)


@pytest.mark.parametrize(
    "name", ["Link", "Content-Type", "Content-Encoding", "Location", "WWW-Authenticate", "Retry-After"]
)
async def test_an_answer_with_a_header_over_its_bound_is_refused_by_name(name: str) -> None:
    with hostile_registry((name, LONG)) as hostile:
        with pytest.raises(RegistryUnavailable, match=f"answer's header {name.title()} is longer than 8,192"):
            await tags(hostile)
        assert hostile.asked == 1


async def test_so_is_one_with_too_many_of_a_name() -> None:
    with (
        hostile_registry(*[("Link", "<u>")] * (MOST_VALUES + 1)) as hostile,
        pytest.raises(RegistryUnavailable, match="more than 32 headers Link"),
    ):
        await tags(hostile)


async def test_headers_that_nobody_reads_harm_nobody() -> None:
    many = [(f"X-{number}", "a") for number in range(60)]
    with hostile_registry(("Set-Cookie", "a=" * 10_000), ("X-Long", LONG[:20_000]), *many) as hostile:
        assert await tags(hostile) == ("v1.0.0", "v1.1.0")


async def test_trailers_reach_nobody() -> None:
    with hostile_registry() as hostile:
        hostile.trailers = f'Link: </v2/evil>; rel="next"\r\nX: {LONG[:50_000]}\r\n'
        assert await tags(hostile) == ("v1.0.0", "v1.1.0")
        assert hostile.asked == 1


async def test_a_header_as_long_as_is_read_is_read() -> None:
    link = "<u>; rel=prev;a=" + "a" * (LONGEST_HEADER - 16)
    with hostile_registry(("Link", link)) as hostile:
        assert await tags(hostile) == ("v1.0.0", "v1.1.0")


def test_only_what_is_read_is_kept() -> None:
    assert kept([(b"Link", b"<u>"), (b"Set-Cookie", b"a"), (b"LINK", b"<v>")]) == [(b"link", b"<u>"), (b"link", b"<v>")]
    with pytest.raises(HeaderRefused):
        kept([(b"Link", b"<" * (LONGEST_HEADER + 1))])


@pytest.mark.parametrize("index", [LONG, "9" * 5_000, "²", "-1", ""])
async def test_an_index_that_is_none_fails_the_wait_and_nothing_else(index: str) -> None:
    with hostile_registry(("X-Nomad-Index", index)) as hostile:
        hostile.body = b"[]"
        polls = LongPolls(NomadAccess(NomadConnection(address=f"http://{hostile.host}")))
        with pytest.raises(PollFailed):
            await polls.query(JobPlace(region="", namespace="", job_id="app"), "job", "app", index=1)
        await polls.aclose()


@pytest.mark.parametrize("later", ["²", "9" * 400, "1e3", "-1", ""])
def test_a_retry_after_that_is_no_number_of_seconds_is_as_if_there_were_none(later: str) -> None:
    assert refusal_of(_response("", later=later)).retry_after is None
    assert refusal_of(_response("", later="30")).retry_after == 30.0


async def test_a_too_large_answer_of_slack_is_reported_and_retried() -> None:
    message = Message(notification_id="1", kind=NotificationKind.FAILED, headline="h", detail="", links=())

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"Retry-After": "9" * 9_000})

    async with open_client(transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(Transient, match="Slack: its answer's header Retry-After"):
            await SlackChannel(client, "https://hooks.slack.example/a").send(message)


@pytest.mark.parametrize("address", ["http://[", "http://h:port", "http://h:70000", "http://h:0", "http://"])
def test_an_address_of_nomad_that_is_none_is_said_at_the_start(address: str) -> None:
    with pytest.raises(ConfigError):
        NomadConnection(address=address).check()
