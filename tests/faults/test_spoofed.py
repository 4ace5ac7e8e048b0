"""Given thousands of webhooks with a valid secret and invented content, then nothing is deployed that the registry does
not serve, no address in them is called, all are acknowledged, and real pushes between them are deployed."""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from app.simulators.nomad.timing import Timing
from app.simulators.registry.events import Event, EventOrigin, EventTarget
from app.simulators.registry.grammar import OCI_MANIFEST
from tests.cluster import Cluster, cluster
from tests.faults.arrival import deployed
from tests.faults.delivery_sender import DeliverySender, answering
from tests.faults.oracle import Shown, faults, registered
from tests.faults.outcomes import reading
from tests.faults.proof import Proven
from tests.faults.sizes import moves
from tests.machine_load import BUSY, machine
from tests.servers.http import serve
from tests.webhook_sender import TAKEN

NAMES = [f"r{number:02}" for number in range(20)]
SPOOFED = moves(ci=500, long=10_000)
REAL = moves(ci=50, long=500)
CONNECTIONS = 8
SEED = 12


class _Trap:
    """The server at the address in some of the events; `calls` counts what it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, scope: dict[str, Any], receive: object, send: Callable[..., Awaitable[None]]) -> None:
        if scope["type"] == "http":
            self.calls += 1
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body"})


class _Liar:
    """Invents events. `kinds` counts them."""

    def __init__(self, ours: Cluster, trap: str) -> None:
        self._ours, self._trap = ours, trap
        self._random = random.Random(SEED)
        self.digests: set[str] = set()
        self.kinds: Counter[str] = Counter()

    def body(self) -> bytes:
        kind = self._random.choice(("moved", "new tag", "elsewhere", "nobody's", "old"))
        self.kinds[kind] += 1
        name = self._random.choice(NAMES)
        digest = f"sha256:{hashlib.sha256(self._random.randbytes(16)).hexdigest()}"
        tag = "v1.0.0"
        if kind == "new tag":
            tag = f"v{self._random.randint(2, 99)}.0.0"
        if kind == "old":  # a digest that the tag had once, and a tag that the registry has no more
            digest = self._ours.registry.history(f"team/{name}", "v1.0.0")[0].digest or ""
            tag = "v0.9.9"
        else:
            self.digests.add(digest)
        host = self._trap if kind == "elsewhere" else self._ours.host
        repository = "team/nobody" if kind == "nobody's" else f"team/{name}"
        return Event(
            action="push",
            target=EventTarget(repository=repository, media_type=OCI_MANIFEST, digest=digest, size=500, tag=tag),
            origin=EventOrigin(host=host),
            at=0.0,
            instance_id="spoofed",
        ).envelope()


async def _push_really(sender: DeliverySender, finals: dict[str, Shown]) -> None:
    for number in range(REAL):
        name, tag = NAMES[number % len(NAMES)], f"v1.{number // len(NAMES) + 1}.0"
        finals[name] = Shown(tag=tag, digest=await sender.push(name, tag, f"{name} {tag}"))
        await asyncio.sleep(0.02)


async def test_invented_events_deploy_nothing(
    server_directory: Path, database_url: str, redis_url: str, proven: Proven
) -> None:
    trap = _Trap()
    with (
        machine() as busy,
        serve(trap) as trap_url,
        cluster(
            server_directory,
            database_url=database_url,
            redis_url=redis_url,
            names=NAMES,
            settings='poll_interval = "1h"',
        ) as ours,
    ):
        ours.nomad.set_timing(Timing(evaluation=0.01, healthy=0.1))
        for kind in ("web", "web", "worker", "worker"):
            ours.start(kind)
        await answering(ours)
        liar = _Liar(ours, trap_url.partition("://")[2])
        async with DeliverySender(ours) as sender, DeliverySender(ours) as honest, reading(database_url) as outcomes:
            await outcomes.settled(NAMES)

            async def lie() -> None:
                while liar.kinds.total() < SPOOFED:
                    await sender.send(liar.body())

            finals: dict[str, Shown] = {}
            await asyncio.gather(*(lie() for _ in range(CONNECTIONS)), _push_really(honest, finals))
            assert (sender.answers[TAKEN], honest.answers[TAKEN]) == (liar.kinds.total(), REAL)
            # A machine that is too busy to store may say so; a sender tries again.
            assert set(sender.answers + honest.answers) == {TAKEN} or busy.stretch > BUSY
            await deployed(ours, finals)
            # The last invented digest is asked for until half a minute after it was told.
            await outcomes.settled(NAMES, within=180)
        print(f"{SPOOFED} invented {dict(liar.kinds)}, {REAL} real, seed {SEED}, answers {dict(sender.answers)}")
        assert liar.kinds.total() >= SPOOFED
        assert {registered(entry).digest for entry in ours.nomad.ledger.entries()} & liar.digests == set()
        assert faults(ours, finals) == []
        assert trap.calls == 0
        proven(moves=REAL, met=SPOOFED, answers=sender.answers)
