"""Given registrations that Nomad applies after we gave them up, at any of our later requests, then they count as ours,
and the digest that is desired by then is deployed, even the one that ran before."""

from contextlib import suppress
from typing import Any

import pytest

from app.simulators.nomad import Refused, Simulator
from app.simulators.nomad.faults import FaultAction, NomadFault, NomadFaults
from app.simulators.nomad.registration import JobRegistration
from tests.faults.fleet import FEW, Fleet, fleet
from tests.faults.oracle import Shown

_AT_MOST = 12  # number of requests about a job until its late write is applied
_LOST = NomadFault(action=FaultAction.STATUS, text="rpc error: EOF")


class _LateWrites(NomadFaults):
    """Answers 500 to the registration of `late[name]`, and applies it that many requests about the job later."""

    def __init__(self, nomad: Simulator) -> None:
        super().__init__()
        self._nomad = nomad
        self.late: dict[str, Any] = {}
        self._left: dict[str, int] = {}

    def take(self, method: str, path: str) -> NomadFault | None:
        """The lost answer, one time for each job."""
        name = path.removeprefix("/v1/job/").partition("/")[0]
        if name in self._left:
            self._left[name] -= 1
            if self._left[name] == 0:
                self._apply(name)
        elif name in self.late and method == "POST" and path == f"/v1/job/{name}":
            self._left[name] = 1 + int(name[1:]) % _AT_MOST
            return _LOST
        return None

    def is_lost(self, name: str) -> bool:
        return name in self._left

    def write(self, name: str, image: str) -> None:
        """From now on this is the job's late write, with check-and-set at the job's current index."""
        job = self._nomad.job(name)
        (group,) = job["TaskGroups"]
        (task,) = group["Tasks"]
        changed = {**task, "Config": {**task["Config"], "image": image}}
        self.late[name] = {**job, "TaskGroups": [{**group, "Tasks": [changed]}]}

    def _apply(self, name: str) -> None:
        job = self.late[name]
        with suppress(Refused):
            self._nomad.register(JobRegistration(job=job, enforced=job["JobModifyIndex"]))


async def _is_late(ours: Fleet, late: _LateWrites, name: str) -> Shown:
    """Push other content under the running tag; its registration will be late."""
    tag = ours.moves[name][-1].tag
    late_one = Shown(tag=tag, digest=ours.registry.push(f"team/{name}", tag, f"{name} late"))
    late.write(name, f"{ours.line.host}/team/{name}:{tag}@{late_one.digest}")
    ours.moves[name].append(late_one)
    await ours.deliver(name)
    return late_one


@pytest.mark.usefixtures("quiet_logs")
async def test_the_previous_digest_is_deployed_over_a_late_write(database_url: str) -> None:
    """d1, d2 late, d1 again."""
    async with fleet(database_url, names=FEW) as ours:
        late = ours.nomad.faults = _LateWrites(ours.nomad)

        async def story(name: str) -> None:
            first = await ours.move(name)
            await ours.arrives(name)
            await ours.quiet(name)
            await _is_late(ours, late, name)
            await ours.arrives(name)
            await ours.quiet(name)
            await ours.push(name, first.tag, f"{name} 0 0")
            await ours.arrives(name)

        await ours.at_each(story)
        await ours.quiet(*FEW)
        assert ours.differences() == []
        assert [name for name in FEW if not late.is_lost(name)] == []
        for name in FEW:
            assert await ours.outcomes(name) == [(move.digest, "succeeded") for move in ours.moves[name]], name
        assert await ours.unregistered() == []


@pytest.mark.usefixtures("quiet_logs")
async def test_a_newer_release_is_deployed_over_a_late_write(database_url: str) -> None:
    """v1.2.0 comes while the result of v1.1.0 is unknown; v1.1.0 may still be applied, or never."""
    async with fleet(database_url, names=FEW) as ours:
        late = ours.nomad.faults = _LateWrites(ours.nomad)

        async def story(name: str) -> None:
            await ours.move(name)
            await ours.arrives(name)
            await ours.quiet(name)
            lost = await _is_late(ours, late, name)
            await ours.until(lambda: late.is_lost(name), lambda: f"{name}: a registration is lost")
            newest = await ours.push(name, "v1.2.0", f"{name} newer")
            await ours.until(
                lambda: ours.registered(name)[-1] == newest,
                lambda: f"{name}: {newest} is registered, after {ours.registered(name)}, where {lost} was late",
            )

        await ours.at_each(story)
        await ours.quiet(*FEW)
        for name in FEW:
            first, lost, newest = ours.moves[name]
            assert ours.registered(name) in ([first, lost, newest], [first, newest]), name
            assert {outcome for _, outcome in await ours.outcomes(name)} == {"succeeded"}
