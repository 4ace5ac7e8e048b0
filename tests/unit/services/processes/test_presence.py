"""Given a process, when it runs, then its row says so again and again, and is gone once it has left."""

import asyncio
from uuid import UUID

import pytest

from app.errors import StoreUnavailable
from app.services.processes.loops import Loop, Loops
from app.services.processes.presence import Heartbeat, Presence, ProcessKind


class Book:
    """A store in memory, which may be away."""

    def __init__(self) -> None:
        self.beats: list[Heartbeat] = []
        self.outages = False
        self.left: list[UUID] = []
        self.asked = asyncio.Semaphore(0)

    async def beat(self, beat: Heartbeat) -> None:
        self.asked.release()
        if self.outages:
            raise StoreUnavailable("read-only")
        self.beats.append(beat)

    async def leave(self, process_id: UUID) -> None:
        if self.outages:
            raise StoreUnavailable("read-only")
        self.left.append(process_id)


async def test_a_beat_tells_who_it_is_and_how_its_loops_are() -> None:
    book, loops = Book(), Loops()
    loops.add(Loop("sweep"))
    presence = Presence(book, kind=ProcessKind.WORKER, loops=loops, configuration=lambda: "f1")
    running = asyncio.create_task(presence.run())
    await book.asked.acquire()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    beat = book.beats[0]
    assert (beat.process_id, beat.kind, beat.configuration) == (presence.process_id, ProcessKind.WORKER, "f1")
    assert beat.host
    assert beat.pid
    assert [each.name for each in beat.loops] == ["sweep", "presence"]


async def test_a_store_that_is_away_is_tried_again_and_told_by_the_loops() -> None:
    book, loops = Book(), Loops()
    book.outages = True
    presence = Presence(book, kind=ProcessKind.WEB, loops=loops)
    running = asyncio.create_task(presence.run())
    await book.asked.acquire()
    await book.asked.acquire()
    assert [each.problem for each in loops.states] == ["read-only"]
    book.outages = False
    await book.asked.acquire()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(book.beats) == 1


@pytest.mark.parametrize("outages", [False, True])
async def test_leaving_deletes_the_row_if_that_is_possible(outages: bool) -> None:
    book = Book()
    book.outages = outages
    presence = Presence(book, kind=ProcessKind.POLLER, loops=Loops())
    await presence.leave()
    assert book.left == ([] if outages else [presence.process_id])
