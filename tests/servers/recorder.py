"""Receives notifications and records them: the receiver for tests of senders."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.servers.http import serve


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request and its answer; `peer` identifies the connection, `at` is unix time."""

    body: bytes
    headers: dict[str, str]
    peer: tuple[str, int]
    status: int
    at: float

    @property
    def event(self) -> dict[str, Any]:
        (event,) = json.loads(self.body)["events"]
        assert isinstance(event, dict)
        return event


class Recorder:
    """Answers with the statuses in `answers` first, then with 200. Listens in its own thread."""

    def __init__(self, answers: list[int]) -> None:
        self.url = ""
        self._answers = answers
        self._received: list[Received] = []
        self._arrived = threading.Condition()

    async def take(self, request: Request) -> Response:
        assert request.client is not None
        received = Received(
            body=await request.body(),
            headers=dict(request.headers),
            peer=(request.client.host, request.client.port),
            status=self._answers.pop(0) if self._answers else 200,
            at=time.time(),
        )
        with self._arrived:
            self._received.append(received)
            self._arrived.notify_all()
        return Response(status_code=received.status)

    def wait_for(self, enough: Callable[[list[Received]], bool], *, timeout: float = 30) -> list[Received]:
        """The received requests, as soon as there are enough; TimeoutError otherwise. Blocks this thread only."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: enough(self._received), timeout):
                raise TimeoutError(f"not enough after {timeout:g} s: {len(self._received)} requests")
            return list(self._received)


@contextmanager
def recording(*, answers: list[int] | None = None) -> Iterator[Recorder]:
    """A recorder that listens; post to its `url`."""
    recorder = Recorder(list(answers or ()))
    with serve(Starlette(routes=[Route("/hooks", recorder.take, methods=["POST"])])) as url:
        recorder.url = f"{url}/hooks"
        yield recorder
