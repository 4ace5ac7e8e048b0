"""Following the highest release: which tags are deployed, and which are not."""

from tests.line import Line


async def test_only_higher_releases_are_deployed(running: Line) -> None:
    await running.push("app", "v0.1.0", notify=False)
    running.job("app", ":v0.1.0")
    await running.configure(running.watch("app"))
    await running.held("app", "up_to_date")

    await running.push("app", "v0.0.2")
    await running.quiet()
    v2 = await running.push("app", "v0.2.0")
    await running.deployed("app", f"team/app:v0.2.0@{v2}")
    await running.push("app", "v0.0.9")
    await running.quiet()
    v9 = await running.push("app", "v0.9.0")
    await running.deployed("app", f"team/app:v0.9.0@{v9}")
    v10 = await running.push("app", "v0.10.0")
    await running.deployed("app", f"team/app:v0.10.0@{v10}")
    assert running.images("app") == [
        f"team/app:v0.2.0@{v2}",
        f"team/app:v0.9.0@{v9}",
        f"team/app:v0.10.0@{v10}",
    ]
