"""How the deployer reaches Nomad: tokens and their files, TLS, the environment; on the simulator."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.domain.job import Submission
from app.errors import ConfigError, NomadDenied, NomadUnavailable
from app.simulators.nomad import Simulator, create_simulator_app, sample_job
from tests.contract.deployer.lone import OLD, PLACE, a_patch, opened
from tests.servers.http import serve
from tests.servers.tls import Certificate, issue


@pytest.fixture
async def deployer(address: str) -> AsyncIterator[NomadDeployer]:
    async with opened(NomadConnection(address=address, timeout=1.0)) as made:
        yield made


async def test_a_refused_token_is_read_again_from_its_file(tmp_path: Path) -> None:
    nomad = Simulator(token="second")
    nomad.seed(sample_job("web", OLD))
    file = tmp_path / "nomad_token"
    file.write_text("first\n")
    with serve(create_simulator_app(nomad)) as url:
        async with opened(NomadConnection(address=url, token_file=str(file))) as deployer:
            with pytest.raises(NomadDenied, match="Permission denied"):
                await deployer.inspect(PLACE)
            file.write_text("second\n")
            assert (await deployer.submit(PLACE, await a_patch(deployer))).changed
            file.unlink()
            assert await deployer.inspect(PLACE) is not None


async def test_a_wrong_token_is_denied_with_the_fix_and_not_shown(tmp_path: Path) -> None:
    nomad = Simulator(token="right")
    nomad.seed(sample_job("web", OLD))
    connection = NomadConnection(address="", token="wrong-s3cret", http_auth="u:hush", vault_token="hush")
    assert "s3cret" not in repr(connection)
    assert "hush" not in repr(connection)
    with serve(create_simulator_app(nomad)) as url:
        async with opened(replace(connection, address=url)) as deployer:
            with pytest.raises(NomadDenied, match="NOMAD_TOKEN") as caught:
                await deployer.inspect(PLACE)
    assert "s3cret" not in str(caught.value)


async def test_the_environment_of_the_process_does_not_leak_into_calls(
    deployer: NomadDeployer, nomad: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "NOMAD_REGION": "mars",
        "NOMAD_NAMESPACE": "nope",
        "NOMAD_TOKEN": "t",
        "NOMAD_ADDR": "x",
    }.items():
        monkeypatch.setenv(name, value)
    assert await deployer.inspect(PLACE) is not None


async def test_the_vault_token_is_posted_only_where_it_is_still_taken(address: str, nomad: Simulator) -> None:
    async with opened(NomadConnection(address=address, vault_token="hvs.secret")) as deployer:
        submission: Submission = await deployer.submit(PLACE, await a_patch(deployer))
    assert submission.changed
    assert "hvs.secret" not in str(nomad.job("web"))
    assert nomad.ledger.requests["GET /v1/agent/self"] == 1


async def test_tls_is_verified_against_the_given_authority(
    nomad: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    other = issue(tmp_path)
    with serve(create_simulator_app(nomad), certificate=certificate) as url:
        async with opened(NomadConnection(address=url, ca_cert=str(certificate.ca_file))) as deployer:
            assert await deployer.inspect(PLACE) is not None
        for wrong in (NomadConnection(address=url), NomadConnection(address=url, ca_cert=str(other.ca_file))):
            async with opened(wrong) as deployer:
                with pytest.raises(NomadUnavailable, match="NOMAD_CACERT"):
                    await deployer.inspect(PLACE)
        async with opened(NomadConnection(address=url, skip_verify=True)) as deployer:
            assert await deployer.inspect(PLACE) is not None


async def test_a_certificate_for_nomads_own_name_needs_the_server_name(nomad: Simulator, tmp_path: Path) -> None:
    named = issue(tmp_path, "server.global.nomad")
    with serve(create_simulator_app(nomad), certificate=named) as url:
        connection = NomadConnection(address=url, ca_cert=str(named.ca_file))
        async with opened(connection) as deployer:
            with pytest.raises(NomadUnavailable, match="NOMAD_TLS_SERVER_NAME"):
                await deployer.inspect(PLACE)
        async with opened(replace(connection, tls_server_name="server.global.nomad")) as deployer:
            assert await deployer.inspect(PLACE) is not None


async def test_http_where_tls_is_spoken_and_the_reverse_are_unavailable(
    nomad: Simulator, certificate: Certificate, address: str
) -> None:
    async with opened(NomadConnection(address=address.replace("http:", "https:"))) as deployer:
        with pytest.raises(NomadUnavailable, match="does not speak TLS"):
            await deployer.inspect(PLACE)
    with serve(create_simulator_app(nomad), certificate=certificate) as url:
        async with opened(NomadConnection(address=url.replace("https:", "http:"))) as deployer:
            with pytest.raises(NomadUnavailable):
                await deployer.inspect(PLACE)


def test_a_connection_that_can_never_work_names_every_fault(tmp_path: Path) -> None:
    connection = NomadConnection(
        address="ftp://user:hush@nomad", ca_cert=str(tmp_path / "ca.pem"), client_key=str(tmp_path / "key.pem")
    )
    with pytest.raises(ConfigError) as caught:
        NomadDeployer(connection)
    assert [fault.key for fault in caught.value.faults] == [
        "NOMAD_ADDR",
        "NOMAD_CACERT",
        "NOMAD_CLIENT_KEY",
        "NOMAD_CLIENT_CERT",
    ]
    assert "hush" not in str(caught.value)
