"""Given calls that come while one is under way, then the next call takes them all, and one bad item harms no other."""

import asyncio
from collections.abc import Sequence

import pytest

from app.adapters.postgres.database.batcher import Batcher
from app.errors import StoreUnavailable


class Work:
    """Doubles numbers; refuses negative ones; waits at the gate while it is closed."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.outages = False

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        self.started.set()
        await self.gate.wait()
        if self.outages:
            raise StoreUnavailable("outages")
        if min(items) < 0:
            raise ValueError("negative")
        return [item * 2 for item in items]


async def test_what_comes_meanwhile_goes_together() -> None:
    work = Work()
    answers = await asyncio.gather(*map(Batcher(work).put, range(10)))
    assert answers == [number * 2 for number in range(10)]
    assert work.batches == [list(range(10))]


async def test_one_at_a_time_and_the_next_gathers() -> None:
    work = Work()
    batcher = Batcher(work)
    work.gate.clear()
    first = asyncio.create_task(batcher.put(1))
    await work.started.wait()
    rest = [asyncio.create_task(batcher.put(number)) for number in (2, 3)]
    await asyncio.sleep(0)
    assert work.batches == [[1]]
    work.gate.set()
    assert await asyncio.gather(first, *rest) == [2, 4, 6]
    assert work.batches == [[1], [2, 3]]


async def test_a_batch_has_a_largest_size() -> None:
    work = Work()
    await asyncio.gather(*map(Batcher(work, largest=4).put, range(10)))
    assert [len(batch) for batch in work.batches] == [4, 4, 2]


async def test_a_bad_item_fails_alone() -> None:
    answers = await asyncio.gather(*map(Batcher(Work()).put, [1, -1, 2]), return_exceptions=True)
    assert [answers[0], answers[2]] == [2, 4]
    assert isinstance(answers[1], ValueError)


async def test_an_outage_of_the_store_fails_the_whole_batch_in_one_call() -> None:
    work = Work()
    work.outages = True
    batcher = Batcher(work)
    answers = await asyncio.gather(*map(batcher.put, range(10)), return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    assert len(work.batches) == 1
    work.outages = False
    assert await batcher.put(4) == 8


@pytest.mark.parametrize("fails", [False, True])
async def test_a_caller_that_gave_up_is_left_out(fails: bool) -> None:
    work = Work()
    batcher = Batcher(work)
    work.gate.clear()
    under_way = asyncio.create_task(batcher.put(1))
    await work.started.wait()
    waiting, staying = asyncio.create_task(batcher.put(2)), asyncio.create_task(batcher.put(3))
    await asyncio.sleep(0)
    under_way.cancel()
    waiting.cancel()
    work.outages = fails
    work.gate.set()
    (answer,) = await asyncio.gather(staying, return_exceptions=True)
    assert isinstance(answer, StoreUnavailable) if fails else answer == 6
    assert work.batches == [[1], [3]]
