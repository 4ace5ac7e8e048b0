"""A rollback deploys the digest that ran before. The watch stays there until something newer appears or a command
follows."""

from uuid import UUID

import pytest

from app.adapters.postgres.views.board import PostgresBoard
from app.domain.undo import RollbackOffer
from app.errors import Rejected
from app.services.commands.preview import preview_rollback
from app.simulators.nomad import Fate
from tests.line import SLOW, Line


async def newest(running: Line) -> UUID:
    rollout_id: UUID = (await running.rows.rollouts())[-1]["rollout_id"]
    return rollout_id


async def deployed_two(running: Line) -> tuple[str, str]:
    """v1.0.0 ran, v1.1.0 runs; returns both digests."""
    first = await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    await running.held("app", "up_to_date")
    return first, second


async def test_a_rollback_deploys_the_previous_image_and_holds_it(running: Line) -> None:
    """Spelled as before, where the tag still means the same digest."""
    _, second = await deployed_two(running)
    forward = await newest(running)
    back = await running.rollback(forward)
    assert (await running.outcome(back))[0] == "succeeded"
    assert running.images("app") == [f"team/app:v1.1.0@{second}", "team/app:v1.0.0"]
    message = await running.held("app", "rolled_back")
    assert "v1.0.0" in message

    await running.poll()
    await running.push("app", "v1.1.0")
    await running.make_due_and_wake()
    await running.quiet()
    assert len(running.images("app")) == 2

    row = await running.rows.rollout(back)
    assert (row["origin"], row["undoes"], row["requested_by"]) == ("rollback", forward, "somebody")
    assert await running.rows.rule() == ("", True)


async def test_a_newer_release_ends_the_hold_of_a_rollback(running: Line) -> None:
    await deployed_two(running)
    await running.outcome(await running.rollback(await newest(running)))
    third = await running.push("app", "v1.2.0")
    await running.deployed("app", f"team/app:v1.2.0@{third}")


@pytest.mark.parametrize("way", ["deploy", "reset", "release"])
async def test_a_command_ends_the_hold_of_a_rollback(running: Line, way: str) -> None:
    _, second = await deployed_two(running)
    await running.outcome(await running.rollback(await newest(running)))
    await running.held("app", "rolled_back")
    if way == "deploy":
        await running.deploy("app", "")
    elif way == "reset":
        await running.reset("app")
    else:
        assert await running.release("app") == "what was rolled back may be deployed again"
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    await running.held("app", "up_to_date")


async def test_a_rollback_deploys_the_digest_although_the_tag_moved(running: Line) -> None:
    first, _ = await deployed_two(running)
    running.registry.push("team/app", "v1.0.0", content="other bytes")
    assert (await running.outcome(await running.rollback(await newest(running))))[0] == "succeeded"
    assert running.images("app")[-1] == f"team/app:v1.0.0@{first}"


async def test_a_rollback_supersedes_the_running_rollout(running: Line) -> None:
    await running.start()
    running.nomad.set_timing(SLOW)
    await running.push("app", "v1.1.0")
    await running.until(lambda: running.images("app"), "v1.1.0 is registered")

    async def submitted() -> bool:
        return any(each["state"] == "submitted" for each in await running.rows.rollouts())

    await running.until(submitted, "its rollout is under way")
    forward = await newest(running)
    back = await running.rollback(forward)
    assert await running.rollback(forward) == back
    assert (await running.outcome(forward))[0] == "superseded"
    await running.until(lambda: running.images("app")[-1:] == ["team/app:v1.0.0"], "it goes back")
    running.nomad.skip(3600)
    assert (await running.outcome(back))[0] == "succeeded"
    await running.held("app", "rolled_back")


async def test_a_repeated_rollback_does_not_swing_back(running: Line) -> None:
    await deployed_two(running)
    forward = await newest(running)
    back = await running.rollback(forward)
    await running.outcome(back)
    await running.held("app", "rolled_back")
    with pytest.raises(Rejected) as refused:
        await running.rollback(forward)
    assert refused.value.status == 409
    assert f"undone already, by rollout {back}" in str(refused.value)
    assert len(running.images("app")) == 2


async def test_a_rollback_can_be_rolled_back(running: Line) -> None:
    _, second = await deployed_two(running)
    back = await running.rollback(await newest(running))
    await running.outcome(back)
    await running.held("app", "rolled_back")
    await running.outcome(await running.rollback(back))
    assert running.images("app")[-1] == f"team/app:v1.1.0@{second}"
    await running.held("app", "up_to_date")


async def test_a_rollback_may_choose_an_earlier_successful_rollout(running: Line) -> None:
    _, second = await deployed_two(running)
    earlier = await newest(running)
    third = await running.push("app", "v1.2.0")
    await running.deployed("app", f"team/app:v1.2.0@{third}")
    fourth = await running.push("app", "v1.3.0")
    await running.deployed("app", f"team/app:v1.3.0@{fourth}")
    await running.held("app", "up_to_date")
    await running.outcome(await running.rollback(earlier))
    assert running.images("app")[-1] == f"team/app:v1.1.0@{second}"
    await running.held("app", "rolled_back")


async def test_a_failed_rollout_is_undone_only_one_time(running: Line) -> None:
    """Where an undo already went back, the previous image runs already."""
    await running.start()
    running.nomad.judge("v1.1.0", Fate.EXITS_NONZERO)
    await running.push("app", "v1.1.0")
    await running.held("app", "failed_before")
    await running.quiet()
    failed = next(each["rollout_id"] for each in await running.rows.rollouts() if each["outcome"] == "failed")
    with pytest.raises(Rejected) as refused:
        await running.rollback(failed)
    assert refused.value.status == 409
    with pytest.raises(Rejected, match="undid a failure, and before it ran the image that failed"):
        await running.rollback(await newest(running))


async def test_after_an_undo_no_rollback_to_the_failed_image_is_offered(running: Line) -> None:
    """v1.0.0, v1.1.0, then v1.2.0 fails and is undone."""
    await deployed_two(running)
    running.nomad.judge("v1.2.0", Fate.EXITS_NONZERO)
    await running.push("app", "v1.2.0")
    await running.held("app", "failed_before")
    await running.quiet()
    assert await _offers(running) == [None, None, None]
    fourth = await running.push("app", "v1.3.0")
    await running.deployed("app", f"team/app:v1.3.0@{fourth}")
    await running.quiet()
    assert await _offers(running) == [RollbackOffer(goal="v1.1.0"), RollbackOffer(goal="v1.1.0"), None]


async def test_a_rollback_of_a_rollback_warns_of_what_failed_here(running: Line) -> None:
    """A person rolls back from what failed, so that the image before that rollback is one that failed."""
    await running.start(revert_on_failure=False)
    running.nomad.judge("v1.1.0", Fate.EXITS_NONZERO)
    await running.push("app", "v1.1.0")
    await running.held("app", "failed_before")
    await running.quiet()
    assert await _offers(running) == [RollbackOffer(goal="v1.0.0")]
    await running.outcome(await running.rollback(await newest(running)))
    await running.quiet()
    assert await _offers(running) == [RollbackOffer(goal="v1.1.0", failed=True), None]
    found = await preview_rollback(running.operator, await newest(running))
    assert (found.goal, len(found.cautions)) == ("v1.1.0", 1)
    assert "app v1.1.0 failed on this job before" in found.cautions[0]


async def _offers(running: Line) -> list[RollbackOffer | None]:
    """The rollbacks that the page of the watch offers, from the newest of its last three rollouts."""
    return [each.rollback for each in await PostgresBoard(running.database).rollouts_of("app", limit=3)]


async def test_a_first_rollout_over_an_unknown_image_cannot_be_rolled_back(running: Line) -> None:
    first = await running.push("app", "v1.0.0", notify=False)
    running.job("app", ":gone")
    await running.configure(running.watch("app"))
    await running.checked("app")
    await running.outcome(await running.deploy("app", "v1.0.0"))
    with pytest.raises(Rejected) as refused:
        await running.rollback(await newest(running))
    assert refused.value.status == 409
    assert "not known what app ran" in str(refused.value)
    assert running.images("app") == [f"team/app:v1.0.0@{first}"]


async def test_a_rollback_to_a_missing_image_is_refused(running: Line) -> None:
    first, _ = await deployed_two(running)
    running.registry.contents.delete_manifest("team/app", first)
    with pytest.raises(Rejected) as refused:
        await running.rollback(await newest(running))
    assert refused.value.status == 409
    assert "no longer has app v1.0.0" in str(refused.value)
    assert len(running.images("app")) == 1
