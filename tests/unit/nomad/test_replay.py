"""With the recorded answers of real agents, the deployer finds the outcome that the recording shows.

The expected outcome comes from the recording itself: from the deployment, or from the allocations.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.adapters.nomad.translate import submission as translated
from app.domain.job import Submission
from app.domain.judge import judge
from app.domain.rollout import Course, Outcome, OutcomeKind
from app.domain.watch import JobPlace
from tests.default_settings import PATIENCE_DEFAULTS
from tests.servers.http import serve
from tests.unit.nomad.recordings import FIXTURES
from tests.unit.nomad.replay import RecordedAgent, Registered, Row, Story, recorded

STORIES = {f"{path.parent.name}/{path.stem}": Story(recorded(path)) for path in sorted(FIXTURES.glob("*/*.json"))}
CASES = [
    pytest.param(story, registered, id=f"{name}:{registered.at}:{registered.step}")
    for name, story in STORIES.items()
    for registered in story.registered
]
# Long after the recording: what ran by then counts as healthy, and nothing has stalled.
NOW = datetime(2100, 1, 1, tzinfo=UTC)
THE_END = 10**12
ENDS = {"successful": OutcomeKind.SUCCEEDED, "failed": OutcomeKind.FAILED}


@pytest.fixture(scope="module")
def agent_and_url() -> Iterator[tuple[RecordedAgent, str]]:
    application = RecordedAgent()
    with serve(application) as url:
        yield application, url


@pytest.fixture
def agent(agent_and_url: tuple[RecordedAgent, str]) -> RecordedAgent:
    return agent_and_url[0]


@pytest.fixture
async def deployer(agent_and_url: tuple[RecordedAgent, str]) -> AsyncIterator[NomadDeployer]:
    made = NomadDeployer(NomadConnection(address=agent_and_url[1]))
    yield made
    await made.aclose()


def place_of(registered: Registered) -> JobPlace:
    return JobPlace(region="", namespace=registered.namespace, job_id=registered.job_id)


async def rollout(
    deployer: NomadDeployer, agent: RecordedAgent, place: JobPlace, ours: Submission
) -> OutcomeKind | None:
    """Take a snapshot at every index with a change. Returns the outcome, None if there is none."""
    course = Course(submission=ours, started_at=NOW, progressed_at=NOW)
    deployment_id = ""
    for index in (each for each in agent.story.indexes if each >= ours.index):
        agent.index = index
        snapshot = await deployer.observe(place, ours, deployment_id=deployment_id)
        deployment_id = snapshot.deployment.deployment_id if snapshot.deployment else deployment_id
        # Every allocation has proved itself when it is first seen: the recording has no clock of ours.
        proven = replace(course, running_since=snapshot.running_since({}, NOW - timedelta(hours=1)))
        verdict = judge(snapshot, proven, patience=PATIENCE_DEFAULTS, now=NOW)
        if isinstance(verdict, Outcome):
            return verdict.kind
    return None


def shown(story: Story, where: tuple[str, str], index: int) -> OutcomeKind | None:
    """The outcome of a registration in the whole recording; None if it shows none."""
    found = [d for d in story.rows("deployments", where, THE_END) if d["JobSpecModifyIndex"] == index]
    if found:
        [deployment] = found
        if deployment["Status"] == "cancelled":
            is_stopped = "stopped" in deployment["StatusDescription"]
            return OutcomeKind.STOPPED if is_stopped else OutcomeKind.SUPERSEDED
        return ENDS.get(deployment["Status"])
    # Without a deployment, the allocations before the next registration decide.
    later = [each.reply["JobModifyIndex"] for each in story.registered if (each.namespace, each.job_id) == where]
    until = min((each for each in later if each > index), default=THE_END) - 1
    version = next((each for each in story.versions(where, until) if each["JobModifyIndex"] == index), None)
    if version is None:
        return None
    if version.get("Periodic") or version.get("ParameterizedJob"):
        return OutcomeKind.NEXT_LAUNCH
    if version.get("Stop"):
        return OutcomeKind.STOPPED
    if version.get("Stable"):
        return OutcomeKind.SUCCEEDED
    return _by_allocations(story.rows("allocations", where, until), version)


def _by_allocations(allocations: list[Row], version: Row) -> OutcomeKind | None:
    states = [each["ClientStatus"] for each in allocations if each["JobVersion"] == version["Version"]]
    if "failed" in states:
        return OutcomeKind.FAILED
    desired = 1 if version["Type"] in ("system", "sysbatch") else sum(group["Count"] for group in version["TaskGroups"])
    good = "complete" if version["Type"] in ("batch", "sysbatch") else "running"
    return OutcomeKind.SUCCEEDED if states and states.count(good) >= desired else None


def test_there_is_something_to_replay() -> None:
    assert {name.partition("/")[0] for name in STORIES} >= {"1.9.7", "2.0.6-dev"}
    ends = {
        shown(story, (each.namespace, each.job_id), each.reply["JobModifyIndex"])
        for story in STORIES.values()
        for each in story.registered
    }
    assert ends >= {*OutcomeKind} - {OutcomeKind.STALLED, OutcomeKind.REFUSED}


@pytest.mark.parametrize(("story", "registered"), CASES)
async def test_a_recorded_registration_comes_to_its_recorded_end(
    agent: RecordedAgent, deployer: NomadDeployer, story: Story, registered: Registered
) -> None:
    agent.story, ours = story, translated(registered.reply, registered.before)
    end = await rollout(deployer, agent, place_of(registered), ours)
    if not ours.changed:
        assert end is OutcomeKind.SUCCEEDED
    elif (expected := shown(story, (registered.namespace, registered.job_id), ours.index)) is not None:
        assert end is expected
    else:
        # No end was recorded: somebody registered again, or the recording stopped. It was not a failure.
        assert end in (None, OutcomeKind.SUCCEEDED, OutcomeKind.SUPERSEDED, OutcomeKind.STOPPED)


@pytest.mark.parametrize(("story", "registered"), CASES)
async def test_a_recorded_return_is_found_and_followed_to_its_own_end(
    agent: RecordedAgent, deployer: NomadDeployer, story: Story, registered: Registered
) -> None:
    where = (registered.namespace, registered.job_id)
    agent.story, agent.index, ours = story, THE_END, translated(registered.reply, registered.before)
    failed = [d for d in story.rows("deployments", where, THE_END) if d["JobSpecModifyIndex"] == ours.index]
    reverts = [d for d in failed if ours.changed and " - rolling back to job version" in d["StatusDescription"]]
    back = await deployer.find_auto_revert(place_of(registered), ours)
    if not reverts:
        assert back is None
        return
    assert back is not None
    assert back.index == reverts[0]["ModifyIndex"], "Nomad registers it in the step that ends the deployment"
    assert await rollout(deployer, agent, place_of(registered), back) is shown(story, where, back.index)
