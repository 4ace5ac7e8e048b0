"""Following costs Nomad little: tens of requests for a long rollout, and few connections for many rollouts."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from app.simulators.nomad import Simulator, Timing, create_simulator_app
from tests.line import SLOW, Line, World, line
from tests.servers.http import serve
from tests.servers.local_registry import local_registry

MANY = 100
Message = MutableMapping[str, Any]


class Crowd:
    """An ASGI middleware that records the largest number of concurrent requests."""

    def __init__(self, application: Callable[..., Awaitable[None]]) -> None:
        self._application = application
        self.now = 0
        self.most = 0

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self._application(scope, receive, send)
        finally:
            self.now -= 1


def _request_count(nomad: Simulator) -> int:
    return sum(nomad.ledger.requests.values())


async def test_a_rolling_update_of_ten_costs_tens_of_requests(running: Line) -> None:
    first = await running.push("app", "v1.0.0", notify=False)
    running.job("app", f"@{first}", count=10, max_parallel=1)
    await running.configure(running.watch("app"))
    await running.checked("app")
    await running.quiet()
    running.nomad.set_timing(Timing(healthy=0.15))
    before = _request_count(running.nomad)
    digest = await running.push("app", "v1.1.0")
    await running.deployed("app", f"team/app:v1.1.0@{digest}")
    assert _request_count(running.nomad) - before <= 45, running.nomad.ledger.requests


async def test_nomad_gets_no_requests_while_rollouts_do_not_progress(running: Line) -> None:
    await running.start()
    running.nomad.set_timing(SLOW)
    await running.push("app", "v1.1.0")
    await running.until(lambda: running.images("app"), "v1.1.0 is registered")
    await running.until(lambda: _waits_for_deployments(running.nomad), "it is waited for")
    before = _request_count(running.nomad)
    for _ in range(2):
        await _renewed_once_more(running)
    assert _request_count(running.nomad) - before <= 1
    running.nomad.skip(3600)
    await running.quiet()


def _waits_for_deployments(nomad: Simulator) -> bool:
    return nomad.world.waits > 0 and nomad.ledger.requests["GET /v1/deployments"] > 0


async def _renewed_once_more(running: Line) -> None:
    """Wait until the follower has renewed its claim on the rollout, as it does every few seconds."""
    before = await running.rows.next_follow_times()
    assert before

    async def moved() -> bool:
        return await running.rows.next_follow_times() != before

    await running.until(moved, "its wait is extended")


async def test_a_hundred_concurrent_rollouts_stay_under_the_connection_limit(database_url: str) -> None:
    nomad = Simulator()
    crowd = Crowd(create_simulator_app(nomad))
    with local_registry() as (registry, registry_url), serve(crowd) as nomad_url:
        around = World(registry=registry, registry_url=registry_url, nomad=nomad, nomad_url=nomad_url)
        async with line(database_url, around=around) as running:
            names = [f"app{number}" for number in range(MANY)]
            for name in names:
                await running.push(name, "v1.0.0", notify=False)
                running.job(name, ":v1.0.0")
            await running.configure(*(running.watch(name) for name in names))
            await running.quiet()
            nomad.set_timing(SLOW)
            for name in names:
                await running.push(name, "v1.1.0")
            await running.until(lambda: all(running.images(name) for name in names), "all are registered", within=120)
            await running.until(lambda: crowd.now <= 5, "all are waited for by few requests", within=120)
            nomad.set_timing(Timing())
            nomad.skip(3600)
            await running.quiet()
            assert await running.outcomes() == ["succeeded"] * MANY
    assert crowd.most < MANY
