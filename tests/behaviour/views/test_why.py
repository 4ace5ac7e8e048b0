"""Why, from the registry to Nomad, through the API: each outcome as it comes about."""

from typing import Any

import httpx

from app.adapters.postgres.views.why import PostgresWhy
from app.simulators.nomad import Fate, Timing
from app.web.process import set_process
from tests.line import SLOW, Line
from tests.web.process import MemoryProcess
from tests.web.stores import MemoryWhy


async def asked(running: Line, tag: str = "", name: str = "app") -> dict[str, Any]:
    """The API's whole answer."""
    process = MemoryProcess(why=MemoryWhy(instead=PostgresWhy(running.database)))
    application = process.application()
    set_process(application, process)
    transport = httpx.ASGITransport(application, client=("127.0.0.1", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8080") as client:
        answer = await client.get(f"/tags/{name}/why", params={"tag": tag} if tag else {})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def why(running: Line, tag: str) -> dict[str, Any]:
    """The API's answer for one tag, the same as in the list of all."""
    (found,) = (await asked(running, tag))["tags"]
    listed = {each["tag"]: each for each in (await asked(running))["tags"]}
    assert listed.get(tag, found) == found
    return dict(found)


async def outcome(running: Line, tag: str) -> tuple[str, str]:
    found = await why(running, tag)
    return found["outcome"], found["message"]


async def test_before_the_first_check_nothing_is_known(running: Line) -> None:
    running.nomad_answers(500, times=50)
    await running.configure(running.watch("app"))
    answer = await asked(running, "v1.0.0")
    assert (answer["first_checked_at"], answer["tags"][0]["outcome"]) == (None, "unknown")
    assert answer["tags"][0]["message"] == "the repository was not checked yet"
    running.nomad.faults.clear()


async def test_what_runs_what_ran_and_who_told(running: Line) -> None:
    first = await running.start()
    before = await why(running, "v1.0.0")
    assert (before["outcome"], before["since"], before["found_at"], before["digest"]) == ("running", None, None, first)
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    now = await why(running, "v1.1.0")
    assert (now["outcome"], now["digest"], now["found_by"], now["digest_changed"]) == (
        "running", second, "webhook", False,
    )  # fmt: skip
    assert now["found_at"] == now["first_push"]["at"] < now["since"]
    assert now["rollout"]["outcome"] == "succeeded"
    ran = await why(running, "v1.0.0")
    assert (ran["outcome"], ran["other_tag"], ran["since"]) == ("ran", "v1.1.0", None)
    assert ran["until"] is not None
    assert ran["message"] == "v1.1.0 runs in its place"


async def test_a_rollout_and_a_release_that_is_passed_over_meanwhile(running: Line) -> None:
    await running.start()
    running.nomad.set_timing(SLOW)
    await running.push("app", "v1.1.0")
    await running.until(lambda: len(running.images("app")) == 1, "v1.1.0 is registered")
    await running.push("app", "v1.2.0")
    await running.held("app", "busy")
    assert await outcome(running, "v1.1.0") == ("deploying", "a rollout of it is under way")
    waiting = await why(running, "v1.2.0")
    assert (waiting["outcome"], waiting["hold"]["reason"]) == ("held", "busy")
    last = await running.push("app", "v1.3.0")
    running.nomad.set_timing(Timing())
    running.nomad.skip(3600)
    await running.deployed("app", f"team/app:v1.3.0@{last}")
    over = await why(running, "v1.2.0")
    assert (over["outcome"], over["other_tag"]) == ("passed_over", "v1.3.0")
    assert over["message"] == "v1.3.0 was newer when the rollout before ended"
    assert (await why(running, "v1.1.0"))["outcome"] == "ran"
    await running.push("app", "v1.2.5")
    await running.quiet()
    assert await outcome(running, "v1.2.5") == ("lower", "v1.3.0 is higher, and runs")


async def test_an_event_is_answered_when_it_is_known_what_became_of_its_tag(running: Line) -> None:
    await running.start()
    running.nomad.set_timing(SLOW)
    await running.push("app", "v1.1.0")
    await running.until(lambda: len(running.images("app")) == 1, "v1.1.0 is registered")
    await running.push("app", "v1.2.0")
    await running.until(lambda: _answers(running, "under way"), "v1.2.0 waits")
    await running.push("app", "v0.9.0")
    last = await running.push("app", "v1.3.0")
    running.nomad.judge("v1.4.0", Fate.EXITS_NONZERO)
    running.nomad.set_timing(Timing())
    running.nomad.skip(3600)
    await running.deployed("app", f"team/app:v1.3.0@{last}")
    await running.push("app", "v1.4.0")
    await running.held("app", "failed_before")
    await running.quiet()
    found = [row["answer"] for row in await running.rows.answers()]
    assert found[0].startswith("deployed: ")
    assert found[1] == "passed over: v1.3.0 is newer"
    assert found[2].endswith(" is higher")
    assert found[3].startswith("deployed: ")
    assert found[4].startswith("failed: ")
    assert not await running.rows.fetch("SELECT FROM event_watches WHERE pending")


async def _answers(running: Line, text: str) -> bool:
    return any(text in row["answer"] for row in await running.rows.answers())


async def test_a_held_event_is_answered_again_when_it_is_deployed(running: Line) -> None:
    await running.start()
    await running.switch("app", on=False)
    digest = await running.push("app", "v1.1.0")
    await running.held("app", "auto_deploy_off")
    await running.quiet()
    assert (await running.rows.answers())[0]["answer"].startswith("auto deploy is off")
    await running.switch("app", on=True)
    await running.deployed("app", f"team/app:v1.1.0@{digest}")
    assert (await running.rows.answers())[0]["answer"].startswith("deployed: ")


async def test_the_rollout_of_another_digest_does_not_answer_a_push(running: Line) -> None:
    await running.start()
    running.nomad.set_timing(SLOW)
    first = await running.push("app", "latest", "first", notify=False)
    await running.deploy("app", "latest")
    await running.until(lambda: len(running.images("app")) == 1, "latest is registered")
    second = await running.push("app", "latest", "second")
    await running.until(lambda: _answers(running, "under way"), "the second push waits")
    await running.pause()
    running.nomad.set_timing(Timing())
    running.nomad.skip(3600)
    await running.held("app", "paused")
    await running.quiet()
    assert running.images("app") == [f"team/app:latest@{first}"]
    assert (await running.rows.answers())[0]["answer"].startswith("everything is paused")
    await running.pause(paused=False)
    await running.deployed("app", f"team/app:latest@{second}")
    assert (await running.rows.answers())[0]["answer"].startswith("deployed: ")


async def test_a_hold_names_its_person_and_its_end(running: Line) -> None:
    await running.start()
    await running.switch("app", on=False)
    await running.push("app", "v1.1.0", notify=False)
    await running.poll()
    await running.held("app", "auto_deploy_off")
    held = await why(running, "v1.1.0")
    assert (held["outcome"], held["found_by"], held["first_push"]) == ("held", "poll", None)
    assert (held["hold"]["reason"], held["hold"]["by"], held["hold"]["until"]) == (
        "auto_deploy_off", "somebody", "auto deploy is switched on",
    )  # fmt: skip
    assert held["message"].startswith("auto deploy is off")
    await running.switch("app", on=True)
    await running.quiet()
    await running.pause()
    await running.push("app", "v1.2.0")
    await running.held("app", "paused")
    paused = await why(running, "v1.2.0")
    assert (paused["hold"]["by"], paused["hold"]["until"]) == ("somebody", "everything is resumed")
    await running.pause(paused=False)
    await running.quiet()


async def test_a_failure_has_its_cause(running: Line) -> None:
    await running.start()
    digest = await running.push("app", "v1.1.0", notify=False)
    running.nomad.judge("v1.1.0", Fate.EXITS_NONZERO)
    await running.deliver("team/app", "v1.1.0", digest)
    await running.held("app", "failed_before")
    await running.quiet()
    failed = await why(running, "v1.1.0")
    assert failed["outcome"] == "failed"
    assert failed["message"] == failed["rollout"]["reason"]
    assert (await why(running, "v1.0.0"))["outcome"] == "running"


async def test_what_is_no_release_and_what_would_change_that(running: Line) -> None:
    await running.start()
    for name in ("latest", "v1.1.0-rc1", "v1.01.0", "v1.1.0.2", "1.9.0", "v2"):
        await running.push("app", name)
    await running.quiet()
    found = {name: await why(running, name) for name in ("latest", "v1.1.0-rc1", "v1.01.0", "v1.1.0.2", "1.9.0", "v2")}
    assert {each["outcome"] for each in found.values()} == {"no_release"}
    assert [each["no_release"] for each in found.values()] == [
        "no_version", "pre_release", "leading_zero", "more_parts", "other_spelling", "fewer_parts",
    ]  # fmt: skip
    assert found["v1.01.0"]["fix"].startswith("push it as v1.1.0, or pin it: POST /tags/app ")
    await running.deploy("app", "latest")
    await running.quiet()
    assert (await why(running, "latest"))["outcome"] == "running"
    assert await outcome(running, "v2") == ("other_pinned", "the rule stays on latest (by somebody)")


async def test_what_was_deleted_and_what_was_never_there(running: Line) -> None:
    await running.start()
    await running.push("app", "v0.9.0")
    await running.quiet()
    never = await why(running, "v9.9.9")
    assert (never["outcome"], never["message"].startswith("nothing on record names it; a webhook tells")) == (
        "never_found", True,
    )  # fmt: skip
    await running.deliver("team/app", "v8.8.8", "sha256:" + "8" * 64)
    await running.let_pass(60)
    await running.quiet()
    assert (await why(running, "v8.8.8"))["outcome"] == "never_found"
    running.registry.delete_tag("team/app", "v0.9.0")
    await running.poll()
    await running.quiet()
    deleted = await why(running, "v0.9.0")
    assert (deleted["outcome"], deleted["absent_since"] is not None) == ("deleted", True)
    await running.push("app", "v0.9.0")
    await running.quiet()
    assert (await why(running, "v0.9.0"))["absent_since"] is None


async def test_a_tag_that_gets_another_digest_says_so(running: Line) -> None:
    first = await running.start()
    second = await running.push("app", "v1.0.0", "other")
    await running.deployed("app", f"team/app:v1.0.0@{second}")
    found = await why(running, "v1.0.0")
    assert (found["outcome"], found["digest"], found["digest_changed"]) == ("running", second, True)
    assert [each["digest"] for each in found["digests"]] == [second, first]
    await running.push("app", "v1.0.0")
    await running.quiet()
    assert (await why(running, "v1.0.0"))["digest"] == first


async def test_a_change_outside_is_what_runs(running: Line) -> None:
    await running.start()
    second = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{second}")
    running.change_outside("app", ":v1.0.0")
    await running.make_due_and_wake()
    await running.held("app", "drifted")
    await running.until(lambda: _runs(running, "v1.0.0"), "v1.0.0 runs")
    drifted = await why(running, "v1.1.0")
    assert (drifted["outcome"], drifted["hold"]["reason"]) == ("held", "drifted")


async def _runs(running: Line, tag: str) -> bool:
    await running.make_due_and_wake()
    return bool((await why(running, tag))["outcome"] == "running")


async def test_nothing_is_written_for_an_unchanged_check(running: Line) -> None:
    await running.start()
    statement = "SELECT xmin::text FROM running_periods UNION ALL SELECT xmin::text FROM tag_digests"
    before = [tuple(each) for each in await running.rows.fetch(statement)]
    for _ in range(3):
        await running.make_due_and_wake()
        await running.quiet()
    assert [tuple(each) for each in await running.rows.fetch(statement)] == before
    assert before
