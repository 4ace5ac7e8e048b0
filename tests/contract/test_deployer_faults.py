"""What the Nomad deployer does when calls go wrong, on the simulator: its ledger is the witness of what was applied."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.domain.job import DeploymentPhase, Order, Submission, TaskChange, TaskKey
from app.domain.watch import JobPlace
from app.errors import ConfigError, JobChanged, JobRejected, NomadDenied, NomadUnavailable, OutcomeUnknown
from app.local.nomad import Action, Fate, Fault, Simulator, Timing, create_simulator_app, sample_job
from tests.servers.http import serve
from tests.servers.tls import Certificate, issue

OLD, NEW = "reg.example/team/app:v1", "reg.example/team/app:v2"
SERVER = TaskKey(group="app", task="server")
PLACE = JobPlace(region="", namespace="default", job_id="web")


@pytest.fixture
def nomad() -> Simulator:
    simulator = Simulator()
    simulator.seed(sample_job("web", OLD))
    return simulator


@pytest.fixture
def address(nomad: Simulator) -> Iterator[str]:
    with serve(create_simulator_app(nomad)) as url:
        yield url


@asynccontextmanager
async def opened(connection: NomadConnection) -> AsyncIterator[NomadDeployer]:
    deployer = NomadDeployer(connection)
    try:
        yield deployer
    finally:
        await deployer.aclose()


@pytest.fixture
async def deployer(address: str) -> AsyncIterator[NomadDeployer]:
    async with opened(NomadConnection(address=address, timeout=1.0)) as made:
        yield made


async def an_order(deployer: NomadDeployer, image: str = NEW) -> Order:
    state = await deployer.inspect(PLACE)
    assert state is not None
    return Order(changes={SERVER: TaskChange(image=image, marker="r-1")}, expected_index=state.index)


def on_register(action: Action, **fault: object) -> Fault:
    return Fault(action=action, method="POST", path="/v1/job/web", **fault)  # type: ignore[arg-type]


LOST_AFTER = [
    pytest.param(on_register(Action.RESET, after=True), id="reset after apply"),
    pytest.param(on_register(Action.HANG, after=True, seconds=3), id="hangs after apply"),
    pytest.param(on_register(Action.STATUS, after=True, status=502, text="bad gateway"), id="gateway after apply"),
    pytest.param(on_register(Action.STATUS, after=True, status=500, text="rpc error: EOF"), id="rpc error after apply"),
    pytest.param(on_register(Action.STATUS, after=True, status=500), id="no leader after apply"),
    pytest.param(on_register(Action.STATUS, after=True, status=200, text="<html>"), id="not JSON after apply"),
]


@pytest.mark.parametrize("fault", LOST_AFTER)
async def test_an_applied_order_with_a_lost_answer_is_read_back(
    deployer: NomadDeployer, nomad: Simulator, fault: Fault
) -> None:
    order = await an_order(deployer)
    nomad.faults.add(replace(fault))
    submission = await deployer.submit(PLACE, order)
    [entry] = nomad.ledger.entries(job="web")
    assert (submission.index, submission.changed) == (entry.job_modify_index, True)
    seen = await deployer.observe(PLACE, submission)
    assert seen.deployment is not None
    assert seen.deployment.phase is DeploymentPhase.SUCCESSFUL
    assert submission.evaluation_id


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param(on_register(Action.RESET), OutcomeUnknown, id="reset before apply"),
        pytest.param(on_register(Action.STATUS, status=504, text="timeout"), OutcomeUnknown, id="gateway"),
        pytest.param(on_register(Action.STATUS, status=500), NomadUnavailable, id="no leader"),
        pytest.param(on_register(Action.STATUS, status=429), NomadUnavailable, id="too many"),
        pytest.param(on_register(Action.STATUS, status=403), NomadDenied, id="denied"),
        pytest.param(
            on_register(Action.STATUS, status=400, text="Job must be specified"), JobRejected, id="bad request"
        ),
    ],
)
async def test_an_order_that_was_not_applied_says_so(
    deployer: NomadDeployer, nomad: Simulator, fault: Fault, error: type[Exception]
) -> None:
    order = await an_order(deployer)
    nomad.faults.add(replace(fault))
    with pytest.raises(error):
        await deployer.submit(PLACE, order)
    assert nomad.ledger.entries(job="web") == []
    assert await deployer.recover(PLACE, order) is None
    assert (await deployer.submit(PLACE, order)).changed


async def test_an_order_applied_while_reading_back_is_found(deployer: NomadDeployer, nomad: Simulator) -> None:
    order = await an_order(deployer)
    nomad.faults.add(on_register(Action.HANG, seconds=1.3))
    submission = await deployer.submit(PLACE, order)
    [entry] = nomad.ledger.entries(job="web")
    assert submission.index == entry.job_modify_index


async def test_a_lost_answer_and_no_answer_afterwards_is_unknown(deployer: NomadDeployer, nomad: Simulator) -> None:
    order = await an_order(deployer)
    nomad.faults.add(
        Fault(action=Action.HANG, method="GET", path="/v1/job/web"),  # for no time at all: the read before goes through
        on_register(Action.RESET, after=True),
        Fault(action=Action.STATUS, method="GET", path="/v1/job/web", status=500, times=50),
    )
    with pytest.raises(OutcomeUnknown, match="No cluster leader"):
        await deployer.submit(PLACE, order)
    nomad.faults.clear()
    found = await deployer.recover(PLACE, order)
    assert found is not None
    assert found.index == nomad.ledger.entries(job="web")[-1].job_modify_index


async def test_a_change_by_somebody_else_between_read_and_write_conflicts(
    deployer: NomadDeployer, nomad: Simulator
) -> None:
    order = await an_order(deployer)
    nomad.faults.add(on_register(Action.HANG, seconds=0.5))

    async def scale_meanwhile() -> None:
        await anyio.sleep(0.2)
        await anyio.to_thread.run_sync(lambda: nomad.scale("web", count=3))

    async with anyio.create_task_group() as both:
        both.start_soon(scale_meanwhile)
        with pytest.raises(JobChanged, match="conflicting job modify index"):
            await deployer.submit(PLACE, order)
    assert nomad.ledger.entries(job="web") == []


async def test_a_lost_order_that_was_not_applied_before_somebody_elses_change_conflicts(
    deployer: NomadDeployer, nomad: Simulator
) -> None:
    order = await an_order(deployer)
    nomad.faults.add(on_register(Action.RESET))

    async def scale_while_reading_back() -> None:
        await anyio.sleep(0.3)
        await anyio.to_thread.run_sync(lambda: nomad.scale("web", count=3))

    async with anyio.create_task_group() as both:
        both.start_soon(scale_while_reading_back)
        with pytest.raises(JobChanged, match="without what we ordered"):
            await deployer.submit(PLACE, order)
    assert nomad.ledger.entries(job="web") == []


async def test_a_specification_that_nomad_refuses_carries_its_words(address: str, nomad: Simulator) -> None:
    async with opened(NomadConnection(address=address)) as deployer:
        order = await an_order(deployer)
        nomad.faults.add(
            on_register(Action.STATUS, status=500, text="rpc error: 1 error occurred:\n\t* Missing tasks for group\n\n")
        )
        with pytest.raises(JobRejected, match="registering job web: Missing tasks for group; correct"):
            await deployer.submit(PLACE, order)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(action=Action.STATUS, status=500), "No cluster leader"),
        (Fault(action=Action.STATUS, status=429), "too many concurrent"),
        (Fault(action=Action.STATUS, status=404, text="404 page not found"), "404"),
        (Fault(action=Action.STATUS, status=404, text="\n"), "404"),
        (Fault(action=Action.STATUS, status=200, text="<html>login</html>"), "not Nomad's JSON"),
        (Fault(action=Action.STATUS, status=200, text="[]"), "not of Nomad's form"),
        (Fault(action=Action.STATUS, status=302, text="elsewhere"), "302"),
        (Fault(action=Action.RESET), "connection broke"),
        (Fault(action=Action.HANG, seconds=3), "did not answer in time"),
    ],
)
async def test_a_read_that_fails_is_unavailable(
    deployer: NomadDeployer, nomad: Simulator, fault: Fault, words: str
) -> None:
    nomad.faults.add(fault)
    with pytest.raises(NomadUnavailable, match=words):
        await deployer.inspect(PLACE)


async def test_nomad_being_away_is_unavailable_and_certainly_not_applied(nomad: Simulator) -> None:
    with serve(create_simulator_app(nomad)) as gone:
        pass
    async with opened(NomadConnection(address=gone)) as deployer:
        with pytest.raises(NomadUnavailable, match="cannot be reached"):
            await deployer.inspect(PLACE)


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
            assert (await deployer.submit(PLACE, await an_order(deployer))).changed
            file.unlink()
            assert await deployer.inspect(PLACE) is not None


async def test_a_wrong_token_is_denied_with_the_mend_and_not_shown(tmp_path: Path) -> None:
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


async def test_namespaces_hold_different_jobs_of_one_name(deployer: NomadDeployer, nomad: Simulator) -> None:
    nomad.seed(sample_job("web", "reg.example/other:v9", namespace="apps"))
    place = replace(PLACE, namespace="apps")
    state = await deployer.inspect(place)
    assert state is not None
    assert state.tasks[0].image == "reg.example/other:v9"
    order = Order(changes={SERVER: TaskChange(image=NEW)}, expected_index=state.index)
    submission = await deployer.submit(place, order)
    seen = await deployer.observe(place, submission)
    assert seen.deployment is not None
    assert seen.evaluated
    assert nomad.job("web")["TaskGroups"][0]["Tasks"][0]["Config"]["image"] == OLD
    assert nomad.job("web", "apps")["TaskGroups"][0]["Tasks"][0]["Config"]["image"] == NEW


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


async def test_many_calls_run_beside_each_other(deployer: NomadDeployer, nomad: Simulator) -> None:
    nomad.faults.add(Fault(action=Action.HANG, method="GET", path="/v1/job/web", seconds=0.4, times=16))
    with anyio.fail_after(3):
        async with anyio.create_task_group() as looks:
            for _ in range(16):
                looks.start_soon(deployer.inspect, PLACE)


async def test_a_failed_pull_is_told_in_nomads_words(deployer: NomadDeployer, nomad: Simulator) -> None:
    nomad.judge(NEW, Fate.PULL_FAILS, "manifest unknown")
    seen = await deployer.observe(PLACE, await deployer.submit(PLACE, await an_order(deployer)))
    assert seen.deployment is not None
    assert seen.deployment.phase is DeploymentPhase.FAILED
    assert any("Failed to pull" in text and "manifest unknown" in text for text in seen.failures)


async def test_what_cannot_be_placed_says_why_and_goes_on_when_there_is_room(
    deployer: NomadDeployer, nomad: Simulator
) -> None:
    nomad.judge(NEW, Fate.UNPLACEABLE)
    submission = await deployer.submit(PLACE, await an_order(deployer))
    stuck = await deployer.observe(PLACE, submission)
    assert stuck.evaluated
    assert 'group "app": 1 allocation cannot be placed' in stuck.unplaced
    nomad.pardon(NEW)
    free = await deployer.observe(PLACE, submission)
    assert free.unplaced == ""
    assert free.deployment is not None
    assert free.deployment.phase is DeploymentPhase.SUCCESSFUL


async def test_an_auto_revert_is_seen_with_the_version_it_went_back_to(
    deployer: NomadDeployer, nomad: Simulator
) -> None:
    nomad.seed(sample_job("web", OLD, auto_revert=True))
    nomad.judge(NEW, Fate.EXITS_NONZERO)
    order = await an_order(deployer)
    submission = await deployer.submit(PLACE, order)
    seen = await deployer.observe(PLACE, submission)
    assert seen.deployment is not None
    assert (seen.deployment.phase, seen.deployment.reverted_to is None) == (DeploymentPhase.FAILED, False)
    assert await deployer.recover(PLACE, order) == submission


async def test_a_slow_scheduler_is_not_evaluated_yet(deployer: NomadDeployer, nomad: Simulator) -> None:
    nomad.set_timing(Timing(evaluation=60, start=5, healthy=5))
    submission = await deployer.submit(PLACE, await an_order(deployer))
    seen = await deployer.observe(PLACE, submission)
    assert (seen.evaluated, seen.deployment, seen.allocations) == (False, None, ())
    nomad.skip(61)
    state = await deployer.inspect(PLACE)
    assert state is not None
    assert state.deployment is not None
    assert state.deployment.job_spec_index == submission.index


async def test_the_vault_token_is_posted_only_where_it_is_still_taken(address: str, nomad: Simulator) -> None:
    async with opened(NomadConnection(address=address, vault_token="hvs.secret")) as deployer:
        submission: Submission = await deployer.submit(PLACE, await an_order(deployer))
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
