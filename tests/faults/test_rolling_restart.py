"""Given every process is replaced by SIGTERM, one after the other, under 20 pushes per second, then each ends within
ten seconds with status 0, no webhook is refused while another web runs, and an open page moves to another web."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.cluster import Process, cluster
from tests.faults.arrival import deployed
from tests.faults.delivery_sender import DeliverySender
from tests.faults.oracle import faults
from tests.faults.outcomes import reading
from tests.faults.proof import Proven
from tests.faults.scene import NAMES
from tests.faults.site import Site, site
from tests.faults.sizes import moves as sized
from tests.faults.tag_moves import Moves
from tests.servers.no_tls import NO_TLS
from tests.webhook_sender import NO_ANSWER, TAKEN

PUSHES_PER_SECOND = 20
ROUNDS = sized(ci=1, long=5)
SETTINGS = 'poll_interval = "1h"\nlease_seconds = 2'
KINDS = ("web", "web", "worker", "worker", "poller", "poller")


async def test_replacing_every_process_refuses_and_loses_nothing(
    server_directory: Path, database_url: str, redis_url: str, proven: Proven
) -> None:
    with cluster(
        server_directory, database_url=database_url, redis_url=redis_url, names=NAMES, settings=SETTINGS
    ) as ours:
        async with site(ours, *KINDS) as here, DeliverySender(ours) as sender:
            async with reading(database_url) as outcomes:
                await outcomes.settled(NAMES)
            moves = Moves(sender, NAMES)
            over = asyncio.Event()
            pushing = asyncio.create_task(_push(moves, over))
            page = asyncio.create_task(_follow(lambda: here.running("web"), over))
            for _ in range(ROUNDS):
                for former in [each for each in ours.processes if each.running]:
                    await _replace(here, former)
            over.set()
            await pushing
            streams = await page
            await deployed(ours, moves.finals)
            async with reading(database_url) as outcomes:
                await outcomes.settled(NAMES)
        assert faults(ours, moves.finals) == []
        # Behind a load balancer, a web that takes no more connections is passed over.
        assert [each for each in sender.unanswered if not isinstance(each, httpx.ConnectError)] == []
        assert set(sender.answers) <= {TAKEN, NO_ANSWER}
        print(f"{len(sender.pushed)} pushes, {streams} streams")
        assert len(sender.pushed) > PUSHES_PER_SECOND * ROUNDS
        assert streams > ROUNDS
        proven(moves=len(sender.pushed), met=ROUNDS * len(KINDS), answers=sender.answers)


async def _push(moves: Moves, over: asyncio.Event) -> None:
    while not over.is_set():
        await moves.make(len(NAMES), seconds=len(NAMES) / PUSHES_PER_SECOND)


async def _follow(webs: Callable[[], list[Process]], over: asyncio.Event) -> int:
    """Follow the changes as a page does: a stream that ends is opened again, at another web. Returns how many there
    were; a stream that ends in the middle of a line, or a web that refuses, is an error."""
    streams = 0
    async with httpx.AsyncClient(verify=NO_TLS, timeout=10, trust_env=False) as client:
        while not over.is_set():
            url = webs()[streams % len(webs())].url
            try:
                async with client.stream("GET", f"{url}/live", headers={"Accept": "text/event-stream"}) as answer:
                    assert answer.status_code == 200
                    streams += 1
                    async for _ in answer.aiter_lines():
                        if over.is_set():
                            break
            except httpx.ConnectError:
                await asyncio.sleep(0.1)  # as a browser does, which comes again
    return streams


async def _replace(here: Site, former: Process) -> None:
    kind = former.name.partition("-")[0]
    newer = here.start(kind)

    async def ready() -> bool:
        return (await here.answer_of(newer.name))[0] == 200

    await here.until(ready, f"{newer.name} is ready", within=60)
    begun = time.monotonic()
    former.terminate()
    status = await asyncio.to_thread(former.popen.wait, 10 * here.pace.stretch)
    print(f"{former.name} ended after {time.monotonic() - begun:.1f} s")
    assert status == 0, former.log.read_text()[-2000:]
