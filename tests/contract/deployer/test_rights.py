"""Rights of tokens: the documented policy is just enough, and a missing capability is named. On agents with ACLs."""

from pathlib import Path

import pytest

from app.domain.watch import JobPlace
from app.errors import NomadDenied
from tests.contract.deployer.following import inspected, patch, rollout, submitted
from tests.contract.deployer.guarded import Guarded
from tests.contract.deployer.jobs import constrained, service
from tests.servers.tiny_images import Behaviour

POLICY = Path(__file__).parents[3] / "config/nomad/registrywatcher.policy.hcl"
OLD, NEW = "reg.example/app:v1", "reg.example/app:v2"


def nowhere() -> dict[str, object]:
    """A service that no node may run."""
    return constrained(service(OLD), "${node.class}", "nowhere")


async def test_a_token_with_the_shipped_rights_does_all(guarded: Guarded) -> None:
    """It can read, plan, register and follow in its own namespace, and nothing in others."""
    place = guarded.jobs.start({**nowhere(), "Namespace": guarded.namespace})
    shipped = POLICY.read_text().replace('namespace "default"', f'namespace "{guarded.namespace}"')
    async with guarded.connected(token=guarded.token(shipped)) as deployer:
        assert await deployer.cautions() == ()
        state = await inspected(deployer, place)
        assert (await deployer.preview(place, patch(state, NEW))).allowed
        submission = await deployer.submit(place, patch(state, NEW))
        snapshot = await deployer.observe(place, submission)
        assert (submission.changed, snapshot.index) == (True, submission.index)
        assert not (await deployer.diagnose(place, submission)).logs_denied
        with pytest.raises(NomadDenied, match="default"):
            await deployer.inspect(JobPlace(region="", namespace="default", job_id=place.job_id))


async def test_without_the_right_to_plan_it_goes_on_and_says_so(guarded: Guarded) -> None:
    if guarded.jobs.cluster.version < (1, 11, 2):
        pytest.skip("register-job came with Nomad 1.11.2: before, who may register may plan")
    place = guarded.jobs.start({**nowhere(), "Namespace": guarded.namespace})
    async with guarded.deployer(["read-job", "register-job"]) as deployer:
        state = await inspected(deployer, place)
        assert not (await deployer.preview(place, patch(state, NEW))).allowed
        submission = await deployer.submit(place, patch(state, NEW))
        assert submission.changed
        assert "plan" in submission.warnings


@pytest.mark.parametrize(("capabilities", "message"), [(["read-job"], "register"), (["list-jobs"], "read")])
async def test_what_a_token_lacks_is_named(guarded: Guarded, capabilities: list[str], message: str) -> None:
    place = guarded.jobs.start({**nowhere(), "Namespace": guarded.namespace})
    before = guarded.jobs.cluster.read(place)["JobModifyIndex"]
    async with guarded.deployer(capabilities) as deployer:
        with pytest.raises(NomadDenied, match=message) as denied:
            await deployer.submit(place, patch(await inspected(deployer, place), NEW))
    assert guarded.namespace in str(denied.value)
    assert "NOMAD_TOKEN" in str(denied.value)
    assert guarded.jobs.cluster.read(place)["JobModifyIndex"] == before


async def test_a_token_that_nobody_knows_is_denied(guarded: Guarded) -> None:
    place = guarded.jobs.start({**nowhere(), "Namespace": guarded.namespace})
    for token in ("", "00000000-0000-0000-0000-000000000000"):
        async with guarded.connected(token=token) as deployer:
            with pytest.raises(NomadDenied, match="NOMAD_TOKEN"):
                await deployer.inspect(place)


async def test_a_token_file_is_read_again_when_its_token_is_over(guarded: Guarded, tmp_path: Path) -> None:
    place = guarded.jobs.start({**nowhere(), "Namespace": guarded.namespace})
    rules, file = guarded.rules(["read-job", "submit-job"]), tmp_path / "nomad_token"
    file.write_text("00000000-0000-0000-0000-000000000000")
    async with guarded.connected(token_file=str(file)) as deployer:
        with pytest.raises(NomadDenied):
            await deployer.inspect(place)
        file.write_text(guarded.token(rules) + "\n")
        submission = await deployer.submit(place, patch(await inspected(deployer, place), NEW))
    assert submission.changed


async def test_a_management_token_is_warned_about(guarded: Guarded) -> None:
    async with guarded.connected(token=guarded.jobs.cluster.token) as deployer:
        [caution] = await deployer.cautions()
    assert "management" in caution


async def test_canaries_need_a_right_of_their_own(guarded: Guarded) -> None:
    place = guarded.jobs.start({**nowhere(), "Namespace": guarded.namespace})
    async with guarded.deployer(["read-job", "submit-job"]) as deployer:
        submission = await deployer.submit(place, patch(await inspected(deployer, place), NEW))
        snapshot = await rollout(deployer, place, submission, until=lambda snapshot: snapshot.deployment is not None)
        assert snapshot.deployment is not None
        async with guarded.deployer(["read-job"]) as reader:
            for act, message in ((reader.promote, "promot"), (reader.fail, "fail")):
                with pytest.raises(NomadDenied, match=message):
                    await act(place, snapshot.deployment.deployment_id)
        await deployer.fail(place, snapshot.deployment.deployment_id)


@pytest.mark.usefixtures("allocations_run")
@pytest.mark.parametrize("may_read", [True, False])
async def test_logs_are_read_where_the_token_may(guarded: Guarded, may_read: bool) -> None:
    cluster = guarded.jobs.cluster
    place = guarded.jobs.start({**service(cluster.image(Behaviour.CRASHES)), "Namespace": guarded.namespace})
    async with guarded.deployer(["read-job", "submit-job", *(["read-logs"] if may_read else [])]) as deployer:
        submission = await submitted(deployer, place, cluster.image(Behaviour.CRASHES, "v2"))
        await rollout(deployer, place, submission)
        why = await deployer.diagnose(place, submission)
    assert (why.logs_denied, bool(why.logs)) == (not may_read, may_read)
    assert why.findings


async def test_registrations_that_an_operator_switched_off_are_reported(guarded: Guarded) -> None:
    place = guarded.jobs.start({**nowhere(), "Namespace": guarded.namespace})
    async with guarded.deployer(["read-job", "submit-job"]) as deployer:
        placed = patch(await inspected(deployer, place), NEW)
        with guarded.registrations_rejected(), pytest.raises(NomadDenied, match="registration") as denied:
            await deployer.submit(place, placed)
        assert "reject-job-registration" in str(denied.value)
        assert (await deployer.submit(place, placed)).changed


async def test_two_namespaces_hold_different_jobs_of_one_name(guarded: Guarded) -> None:
    name = guarded.jobs.name()
    here = guarded.jobs.start({**nowhere(), "ID": name})
    there = guarded.jobs.start({**nowhere(), "ID": name, "Namespace": guarded.namespace})
    async with guarded.deployer(["read-job", "submit-job"]) as deployer:
        await deployer.submit(there, patch(await inspected(deployer, there), NEW))
    images = [guarded.jobs.cluster.read(each)["TaskGroups"][0]["Tasks"][0]["Config"]["image"] for each in (here, there)]
    assert images == [OLD, NEW]
