"""After an unexpected answer to the list of deployments, the shared poll continues for its waits."""

import asyncio
from typing import Any

import pytest

from app.adapters.nomad.http.polling import LongPolls, Polled
from app.adapters.nomad.http.shared_poll import SharedPoll
from app.domain.watch import JobPlace

PLACE = JobPlace(region="", namespace="default", job_id="app")
MOVED: dict[str, Any] = {"ID": "d1", "Status": "running", "ModifyIndex": 8}


class Polls(LongPolls):
    """Gives the answers of the test in order, then no change."""

    def __init__(self, *answers: Polled | BaseException) -> None:
        self.answers = list(answers)

    async def query(self, place: JobPlace, *path: str, index: int, spare: int = 0, **query: str) -> Polled:
        if not self.answers:
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.mark.parametrize(
    "strange",
    [
        RuntimeError("a bug"),
        asyncio.CancelledError(),
        Polled(index=7, rows=[{"ID": "d1", "Status": "running", "ModifyIndex": "eight"}], waited=True),
    ],
    ids=lambda strange: type(strange).__name__,
)
async def test_who_waits_is_woken_by_the_next_answer(strange: Polled | BaseException) -> None:
    shared = SharedPoll(Polls(strange, Polled(index=8, rows=[MOVED], waited=True)), PLACE)
    async with asyncio.timeout(10):
        assert await shared.changed("d1", 7) == MOVED
    await shared.aclose()


async def test_a_deployment_that_went_back_wakes_who_waits_although_the_index_did_not() -> None:
    """The servers were restored, and another deployment has changed since."""
    restored = {**MOVED, "ModifyIndex": 5}
    shared = SharedPoll(Polls(Polled(index=9, rows=[restored], waited=True)), PLACE)
    async with asyncio.timeout(10):
        assert await shared.changed("d1", 8) == restored
    await shared.aclose()


async def test_a_list_that_is_older_than_the_wait_wakes_nobody() -> None:
    shared = SharedPoll(Polls(Polled(index=7, rows=[], waited=True), Polled(index=9, rows=[], waited=True)), PLACE)
    async with asyncio.timeout(10):
        await shared.changed("gone", 7)
        assert await shared.changed("d1", 8) is None
    await shared.aclose()


async def test_a_first_list_that_is_older_than_the_wait_before_it_wakes_who_waits() -> None:
    """The servers were restored before the list was ever asked for, so that no earlier index shows it."""
    shared = SharedPoll(Polls(Polled(index=5, rows=[], waited=False)), PLACE)
    async with asyncio.timeout(10):
        assert await shared.changed("d1", 8) is None
    await shared.aclose()
