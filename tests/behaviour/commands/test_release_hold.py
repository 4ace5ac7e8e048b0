"""A person releases a hold: a failed digest is tried one more time, and held again if it fails."""

import pytest

from app.errors import Rejected
from app.simulators.nomad import Fate
from tests.line import Line


async def failed(running: Line) -> str:
    """v1.0.0 runs, v1.1.0 is pushed and fails; returns the digest of v1.1.0."""
    await running.start(revert_on_failure=False)
    running.nomad.judge("v1.1.0", Fate.EXITS_NONZERO)
    second = await running.push("app", "v1.1.0")
    await running.held("app", "failed_before")
    await running.quiet()
    return second


async def test_a_released_digest_is_tried_again_and_held_again(running: Line) -> None:
    second = await failed(running)
    image = f"team/app:v1.1.0@{second}"
    assert running.images("app").count(image) == 1

    assert await running.release("app") == f"v1.1.0 {second} may be tried again"

    async def held_again() -> bool:
        return running.images("app").count(image) == 2 and (await running.hold("app"))[0] == "failed_before"

    await running.until(held_again, "it failed again")
    await running.quiet()
    await running.poll()
    await running.make_due_and_wake()
    await running.quiet()
    assert running.images("app").count(image) == 2
    assert await running.outcomes() == ["failed", "failed"]


async def test_a_released_digest_may_succeed_the_second_time(running: Line) -> None:
    second = await failed(running)
    running.nomad.pardon()
    await running.release("app")
    await running.held("app", "up_to_date")
    assert running.images("app") == [f"team/app:v1.1.0@{second}"] * 2
    assert not await running.rows.has_failures()


async def test_releasing_a_watch_without_a_hold_answers_its_state(running: Line) -> None:
    await running.start()
    with pytest.raises(Rejected) as refused:
        await running.release("app")
    assert refused.value.status == 409
    assert "v1.0.0 runs" in str(refused.value)


async def test_releasing_drift_deploys_the_desired_image(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    await running.held("app", "up_to_date")
    running.change_outside("app", ":v1.0.0")
    await running.make_due_and_wake()
    await running.held("app", "drifted")
    assert await running.release("app") == "the drift may be overwritten by a deploy"
    await running.deployed("app", f"team/app:v1.1.0@{second}")
