"""Given nobody sweeps, then each wake alone brings its step: it is sent after the commit of what it wakes for."""

from tests.line import line


async def test_a_push_goes_to_the_end_of_its_rollout_by_wakes_alone(database_url: str) -> None:
    async with line(database_url, sweeps=False) as running:
        await running.start()
        for minor in range(1, 4):
            digest = await running.push("app", f"v1.{minor}.0")
            await running.deployed("app", f"team/app:v1.{minor}.0@{digest}")


async def test_a_command_goes_to_the_end_of_its_rollout_by_wakes_alone(database_url: str) -> None:
    async with line(database_url, sweeps=False) as running:
        await running.start()
        await running.switch("app", on=False)
        await running.push("app", "v1.1.0")
        await running.held("app", "auto_deploy_off")
        await running.outcome(await running.deploy("app", "v1.1.0"))
        await running.quiet()
