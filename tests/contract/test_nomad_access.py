"""Both HTTP libraries of the Nomad deployer send the same: token, place, path, credentials, proxy, trust."""

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.nomad.http.access import NomadAccess
from app.adapters.nomad.http.client import NomadClient
from app.adapters.nomad.http.connection import NomadConnection
from app.adapters.nomad.http.polling import LongPolls, PollFailed
from app.domain.watch import JobPlace
from app.errors import NomadUnavailable
from tests.contract.nomad_recorder import Recorder, recording_nomad
from tests.servers.proxy import recording_proxy
from tests.servers.tls import Certificate, issue

PLACE = JobPlace(region="", namespace="", job_id="web")
ODD = ("a/b c%", "größe", "a?b#c", "../x", "web/periodic-1700000000", "%2F", "a&region=x")


@pytest.fixture
def nomad() -> Iterator[Recorder]:
    with recording_nomad() as recorder:
        yield recorder


async def read(connection: NomadConnection, place: JobPlace = PLACE) -> bool:
    """Whether a read of the job's allocations through python-nomad gets an answer."""
    client = NomadClient(NomadAccess(connection))
    try:
        return await asyncio.to_thread(client.of_job, place, "allocations") == [{"ID": "1"}]
    except NomadUnavailable:
        return False
    finally:
        client.close()


async def wait(connection: NomadConnection, place: JobPlace = PLACE) -> bool:
    """Whether a blocking query for the same through httpx gets an answer."""
    polls = LongPolls(NomadAccess(connection))
    try:
        return (await polls.query(place, "job", place.job_id, "allocations", index=1)).rows == [{"ID": "1"}]
    except PollFailed:
        return False
    finally:
        await polls.aclose()


async def both(connection: NomadConnection, place: JobPlace = PLACE) -> tuple[bool, bool]:
    return await read(connection, place), await wait(connection, place)


@pytest.mark.parametrize("job_id", ODD)
async def test_both_quote_an_odd_job_id_as_one_segment(nomad: Recorder, job_id: str) -> None:
    place = replace(PLACE, job_id=job_id)
    assert await both(NomadConnection(address=nomad.url), place) == (True, True)
    first, second = nomad.requests
    assert first.path == second.path
    assert first.path.count("/") == 4, "/v1/job/<id>/allocations"
    assert first.place == second.place == {"namespace": ["default"]}


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (PLACE, {"namespace": ["team"], "region": ["us"]}),
        (replace(PLACE, namespace="apps", region="eu"), {"namespace": ["apps"], "region": ["eu"]}),
        (replace(PLACE, namespace="ä &/", region="e u"), {"namespace": ["ä &/"], "region": ["e u"]}),
    ],
)
async def test_both_name_the_same_namespace_and_region(
    nomad: Recorder, place: JobPlace, expected: dict[str, list[str]]
) -> None:
    assert await both(NomadConnection(address=nomad.url, namespace="team", region="us"), place) == (True, True)
    assert [each.place for each in nomad.requests] == [expected, expected]


async def test_both_send_the_same_token_credentials_and_agent(nomad: Recorder, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("t-1\n")
    known = NomadConnection(address=nomad.url + "/", token="unused", token_file=str(file), http_auth="user:pa:ss")
    assert await both(known) == (True, True)
    assert await both(NomadConnection(address=nomad.url)) == (True, True)
    first, second, third, fourth = nomad.requests
    assert (first, third) == (second, fourth)
    assert (first.token, first.authorization) == ("t-1", "Basic dXNlcjpwYTpzcw==")
    assert (third.token, third.authorization) == (None, None)
    assert (third.agent or "").startswith("registrywatcher")


@pytest.mark.parametrize(
    ("variables", "lines"),
    [
        ({"HTTP_PROXY": "{proxy}"}, 2),
        ({"ALL_PROXY": "{proxy}"}, 2),
        ({"HTTPS_PROXY": "{proxy}"}, 0),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "example.invalid"}, 0),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "nomad.example.invalid:4646"}, 0),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "nomad.example.invalid:80"}, 2),
    ],
)
async def test_both_take_the_same_proxy_or_none(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], lines: int
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with recording_proxy() as proxy:
        for name, value in variables.items():
            monkeypatch.setenv(name, value.format(proxy=proxy.url))
        assert await both(NomadConnection(address="http://nomad.example.invalid:4646")) == (False, False)
        assert proxy.lines == ["GET http://nomad.example.invalid:4646/v1/job/web/allocations"] * lines


def serving(certificate: Certificate, *, clients: Path | None = None) -> ssl.SSLContext:
    """The server's side. With `clients` it requires a certificate of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain_file, certificate.key_file)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_both_trust_the_same_authorities_and_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("here", "named", "other"):
        (tmp_path / name).mkdir()
    here, named = issue(tmp_path / "here"), issue(tmp_path / "named", "server.global.nomad")
    other = issue(tmp_path / "other")
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    with recording_nomad(serving(here)) as nomad:
        known = NomadConnection(address=nomad.url)
        assert await both(known) == (False, False)
        assert await both(replace(known, ca_cert=str(other.ca_file))) == (False, False)
        assert await both(replace(known, ca_cert=str(here.ca_file))) == (True, True)
        assert await both(replace(known, ca_cert=str(here.ca_file), ca_path=str(other.ca_file.parent))) == (True, True)
        assert await both(replace(known, skip_verify=True)) == (True, True)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(here.ca_file))
        assert await both(known) == (True, True)
        assert await both(replace(known, ca_cert=str(other.ca_file))) == (False, False)
    with recording_nomad(serving(named)) as nomad:
        known = NomadConnection(address=nomad.url, ca_cert=str(named.ca_file))
        assert await both(known) == (False, False)
        assert await both(replace(known, tls_server_name="client.global.nomad")) == (False, False)
        assert await both(replace(known, tls_server_name="server.global.nomad")) == (True, True)


async def test_both_present_the_same_client_certificate(tmp_path: Path) -> None:
    for name in ("server", "client"):
        (tmp_path / name).mkdir()
    server, client = issue(tmp_path / "server"), issue(tmp_path / "client", "cli.global.nomad")
    with recording_nomad(serving(server, clients=client.ca_file)) as nomad:
        without = NomadConnection(address=nomad.url, ca_cert=str(server.ca_file), timeout=2.0)
        assert await both(without) == (False, False)
        known = replace(without, client_cert=str(client.chain_file), client_key=str(client.key_file))
        assert await both(known) == (True, True)
        first, second = nomad.requests
        assert first.peer == second.peer
        assert ("DNS", "cli.global.nomad") in first.peer["subjectAltName"]
