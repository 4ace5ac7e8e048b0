"""An image that Nomad gave up, since an allocation had no place, is neither held nor deployed again and again: it waits
for room in Nomad's plan, and is deployed then."""

from app.simulators.nomad import Simulator, Timing, sample_job
from tests.line import line


async def test_what_had_no_place_is_deployed_again_once_there_is_room(database_url: str) -> None:
    """Each allocation needs a node of its own, and one of two nodes takes none."""
    nomad = Simulator(nodes=2)
    nomad.set_eligible(2, eligible=False)
    async with line(database_url, nomad=nomad) as running:
        first = await running.push("app", "v1.0.0", notify=False)
        job = sample_job("app", f"{running.host}/team/app:v1.0.0@{first}", count=2, max_parallel=2)
        job["TaskGroups"][0]["Constraints"] = [{"LTarget": "", "RTarget": "true", "Operand": "distinct_hosts"}]
        nomad.set_timing(Timing(progress_deadline=0.1))
        nomad.seed(job)
        await running.configure(running.watch("app"))
        await running.checked("app")
        nomad.set_timing(Timing(progress_deadline=4))
        await running.push("app", "v1.1.0")
        await running.until(lambda: running.images("app"), "v1.1.0 is registered")

        async def given_up() -> bool:
            nomad.skip(5)
            return "stalled" in await running.outcomes()

        await running.until(given_up, "Nomad's deadline ends it")

        async def waits_for_room() -> bool:
            reason, message = await running.hold("app")
            start = "v1.1.0 has no place: group app: 1 allocation cannot be placed"
            return reason == "stalled" and message.startswith(start)

        await running.until(waits_for_room, "it waits for room")
        for _ in range(3):  # later checks register nothing
            nomad.skip(60)
            await running.make_due_and_wake()
            await running.until(waits_for_room, "it still waits")
        assert len(running.images("app")) == 1
        assert await running.rows.fetch("SELECT * FROM failures") == []
        assert await running.notifications("failed") == []

        nomad.set_timing(Timing())
        nomad.set_eligible(2, eligible=True)
        await running.let_pass(20.0)
        assert await running.held("app", "up_to_date") == "v1.1.0 runs"
        assert len(running.images("app")) == 2
