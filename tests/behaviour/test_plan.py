"""A plan says what a person's word would change in the job, and changes nothing."""

from app.services import foresee
from tests.line import Line


async def test_it_shows_the_change_and_stores_nothing(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0", told=False)
    before = await running.fetch("SELECT mark, due_at FROM targets")
    seen = await foresee.foresee_rule(running.operator, "app", pinned_tag="v1.1.0")
    assert seen.message == "Would deploy v1.1.0"
    (change,) = seen.changes.values()
    assert change.before == f"{running.host}/team/app:v1.0.0"
    assert change.after == f"{running.host}/team/app:v1.1.0@{second}"
    assert seen.preview.allowed
    assert any(second in line for line in seen.preview.lines)
    assert seen.preview.foreign == ()
    assert running.images("app") == []
    assert await running.fetch("SELECT 1 FROM rollouts") == []
    assert await running.fetch("SELECT mark, due_at FROM targets") == before


async def test_it_knows_what_runs_by_the_history(running: Line) -> None:
    """The job names a tag alone; the digest behind it was recorded at the first look."""
    await running.start()
    seen = await foresee.foresee_reset(running.operator, "app")
    assert (seen.message, seen.changes) == ("v1.0.0 already runs; nothing would change", {})


async def test_what_failed_would_be_tried_again_by_a_marker(running: Line) -> None:
    first = await running.start()
    await running.execute(
        "INSERT INTO failures SELECT 'app', $1, gen_random_uuid() WHERE EXISTS (SELECT FROM watches)", first
    )
    seen = await foresee.foresee_reset(running.operator, "app")
    assert seen.message == "Would deploy v1.0.0"
