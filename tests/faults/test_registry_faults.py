"""Given a registry that fails, is late, or false events about it, while 200 tags move, then the ledger ends right."""

import asyncio

import pytest

from app.simulators.registry.faults import FaultAnswer, Hang, RegistryFault, Reset
from app.simulators.registry.registry import LocalRegistry
from tests.faults.conftest import NAMES, Shared
from tests.faults.delivery_sender import DeliverySender, answering, body
from tests.faults.oracle import Shown
from tests.faults.outcomes import reading

MOVES = 200
SECONDS = 4.0

_ANY = "/v2/team/.*"
FAULTS = {
    "503": RegistryFault(path=_ANY, action=FaultAnswer(status=503), times=5),
    "429 with Retry-After": RegistryFault(path=_ANY, action=FaultAnswer(status=429, retry_after="1"), times=2),
    "hang": RegistryFault(path=_ANY, action=Hang(seconds=1.5), times=5),
    "reset": RegistryFault(path=_ANY, action=Reset(), times=5),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAULTS)
async def test_faulty_registry_answers_lose_no_push(kind: str, shared: Shared) -> None:
    registry = shared.cluster.registry
    await answering(shared.cluster)
    async with DeliverySender(shared.cluster) as sender, reading(shared.database_url) as outcomes:
        await outcomes.settled(NAMES)
        moves = shared.moves(sender)
        spoiling = asyncio.create_task(_spoil(registry, FAULTS[kind]))
        await moves.make(MOVES, seconds=SECONDS)
        spoiling.cancel()
        registry.faults.clear()
        await shared.ends_right(moves, outcomes)


@pytest.mark.slow
async def test_events_before_their_tag_lose_no_push(shared: Shared) -> None:
    await answering(shared.cluster)
    async with DeliverySender(shared.cluster) as sender, reading(shared.database_url) as outcomes:
        await outcomes.settled(NAMES)
        moves = shared.moves(sender)
        shared.cluster.registry.link_delay = 0.3
        await moves.make(MOVES, seconds=SECONDS)
        shared.cluster.registry.link_delay = 0.0
        await shared.ends_right(moves, outcomes)


@pytest.mark.slow
async def test_tags_that_move_while_they_are_resolved_end_right(shared: Shared) -> None:
    """Moves come faster than reconciles, so tags move between the list, the digest and the registration."""
    ours = shared.cluster
    await answering(ours)
    async with DeliverySender(ours) as sender, reading(shared.database_url) as outcomes:
        await outcomes.settled(NAMES)
        moves = shared.moves(sender)
        for _ in range(3):
            await moves.make(MOVES // 2, seconds=0.1)
        await shared.ends_right(moves, outcomes)


@pytest.mark.slow
async def test_false_events_deploy_nothing_that_the_registry_does_not_have(shared: Shared) -> None:
    ours = shared.cluster
    await answering(ours)
    async with DeliverySender(ours) as sender, reading(shared.database_url) as outcomes:
        await outcomes.settled(NAMES)
        moves = shared.moves(sender)
        lies = [
            body(ours, name, f"v{major}.0.0", f"sha256:{number:064x}")
            for number, name in enumerate(NAMES)
            for major in (1, 99)
        ]
        lying = asyncio.create_task(sender.send_all(lies, times=5, connections=2))
        await moves.make(MOVES, seconds=SECONDS)
        await lying
        for name in NAMES:
            missing_image = Shown(tag=moves.finals[name].tag, digest="sha256:" + "f" * 64)
            await sender.send(body(ours, name, missing_image.tag, missing_image.digest))
        # Do not wait for quiet: checks for the false events continue for half a minute.
        await shared.deployed(moves)


async def _spoil(registry: LocalRegistry, fault: RegistryFault) -> None:
    while True:
        if not registry.faults.left():
            registry.faults.add(fault)
        await asyncio.sleep(0.1)
