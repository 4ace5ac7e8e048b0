"""A newer Nomad demands more of the nodes at each registration; updates continue, and the preview shows it."""

import pytest

from tests.line import Line

DEMANDED = {"LTarget": "${attr.nomad.version}", "Operand": "semver", "RTarget": ">= 2.1.0"}


@pytest.mark.parametrize("by_person", [False, True])
async def test_a_constraint_that_nomad_adds_stops_no_update(running: Line, by_person: bool) -> None:
    await running.start()
    running.nomad.imply(DEMANDED)
    if by_person:
        await running.push("app", "test", notify=False)
        await running.deploy("app", "test")
    else:
        await running.push("app", "v1.1.0")
    await running.until(lambda: running.images("app"), "it is registered")
    await running.quiet()
    assert await running.outcomes() == ["succeeded"]
    (group,) = running.nomad.job("app")["TaskGroups"]
    assert group["Constraints"] == [DEMANDED]


async def test_a_constraint_that_something_else_adds_is_named(running: Line) -> None:
    await running.start()
    running.nomad.imply({"LTarget": "${attr.cpu.arch}", "Operand": "=", "RTarget": "arm64"})
    await running.push("app", "v1.1.0")

    async def refused() -> str:
        rows = await running.rows.fetch("SELECT outage FROM targets")
        return str(rows[0]["outage"])

    text = await running.until(refused, "it is refused")
    assert "(group app: constraint ${attr.cpu.arch} = arm64 is added)" in text
    assert running.images("app") == []
    # Whoever takes it back lets the update go on.
    running.nomad.world.implied.clear()
    await running.make_due_and_wake()
    await running.held("app", "up_to_date")
    await running.quiet()
    assert await running.outcomes() == ["succeeded"]
