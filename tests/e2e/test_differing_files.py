"""Given processes with different files, then the newer file is in force for all, and each process shows who has which
file."""

from pathlib import Path

import httpx

from tests.e2e.site import SLOW_START, Site
from tests.e2e.test_reload import problem
from tests.processes import Process, until
from tests.servers.no_tls import NO_TLS

HOST = "registry.example:5000"
DIFFER = "processes have different configurations"


def files(site: Site) -> tuple[Path, Path]:
    """An older file with one watch, and a newer one with two."""
    made = []
    for name, watches in (("older", ["app"]), ("newer", ["app", "other"])):
        site.configure(watches, host=HOST, head='poll_interval = "1h"')
        made.append(site.config.rename(site.directory / f"{name}.toml"))
    return made[0], made[1]


async def start(site: Site, file: Path, *watches: str) -> Process:
    """Start a web process with this file, and wait until these are the watches."""
    process = site.start("web", "--config", str(file))
    await until(lambda: has(process, *watches), f"{process.name} shows {watches}", within=SLOW_START)
    return process


async def has(process: Process, *watches: str) -> bool:
    try:
        async with httpx.AsyncClient(verify=NO_TLS, base_url=process.url, trust_env=False) as api:
            return tuple((await api.get("/repos")).json()) == watches
    except httpx.TransportError:
        return False


async def shown_problem(process: Process) -> str:
    async with httpx.AsyncClient(verify=NO_TLS, base_url=process.url, trust_env=False) as api:
        return await problem(api)


async def shows(process: Process, *message: str) -> None:
    async def does() -> bool:
        now = await shown_problem(process)
        return all(part in now for part in message)

    await until(does, f"{process.name} says {message}", within=30)


async def is_content(process: Process) -> bool:
    return not await shown_problem(process)


async def test_a_process_that_starts_with_an_older_file_takes_nothing_away(installation: Site) -> None:
    older, newer = files(installation)
    first = await start(installation, older, "app")
    second = await start(installation, newer, "app", "other")
    first.kill()
    crashed = await start(installation, older, "app", "other")
    await shows(crashed, "newer set of watches", "reload --accept", str(older))
    await shows(crashed, DIFFER, f"pid {crashed.popen.pid}", f"pid {second.popen.pid}")
    await shows(second, DIFFER, f"pid {crashed.popen.pid}", f"pid {second.popen.pid}")
    assert await has(second, "app", "other")

    older.write_bytes(newer.read_bytes())  # the rolling change reaches it too
    for process in (crashed, second):
        await until(lambda: is_content(process), f"{process.name} is content", within=30)  # noqa: B023
    assert await has(second, "app", "other")


async def test_going_back_by_an_edit_works_while_another_has_the_other_file(installation: Site) -> None:
    older, newer = files(installation)
    first = await start(installation, older, "app")
    before = older.read_text()
    second = await start(installation, newer, "app", "other")
    older.write_bytes(newer.read_bytes())
    await until(lambda: first.log.read_text().count("config.reloaded") == 1, "the change is read", within=20)
    older.write_text(before)
    await until(lambda: has(second, "app"), "the watch went", within=20)
    second.kill()
    again = await start(installation, newer, "app")
    await shows(again, "newer set of watches", str(newer))
    assert await has(first, "app")
