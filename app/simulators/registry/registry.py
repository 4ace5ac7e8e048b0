"""The local registry: one object with contents, ledgers, faults and senders, and the operations on them.

Tests and the demo call `push`; clients use the HTTP application (app.py). This module knows no HTTP. Operations may be
called from another thread than the server's. The senders run in the server's event loop.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from .contents import Contents
from .events import Event, EventOrigin, EventTarget
from .faults import RegistryFaults
from .grammar import OCTET_STREAM
from .images import StoredManifest, build_image, digest_of
from .ledger import RegistryHistory, Requests, TagChange
from .notifications import Sender
from .settings import RegistryNotifications, RegistrySettings
from .state import StateDirectory
from .tokens import Tokens


class LocalRegistry:
    """An OCI registry in memory, with an optional copy in a directory.

    `link_delay` may be changed at any time. `requests`, `faults` and `history` are for tests.
    """

    def __init__(
        self,
        settings: RegistrySettings | None = None,
        *,
        state: StateDirectory | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or RegistrySettings()
        self.link_delay = self.settings.link_delay
        self.clock = clock
        self.contents = Contents(self.settings.generated)
        self.requests = Requests()
        self.faults = RegistryFaults()
        self.tokens = Tokens()
        self.senders = [Sender(endpoint) for endpoint in self.settings.notifications]
        self._history = RegistryHistory()
        self._instance_id = str(uuid.uuid4())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._state = state
        if state is not None:
            state.load(self.contents, self._history)

    def push(self, repository: str, tag: str, *, content: str, platforms: Sequence[str] = ()) -> str:
        """Push a small image, or an index with `platforms`, and return its digest.

        While the application runs, the tag is linked `link_delay` seconds after the event.
        """
        digest = self.upload(repository, tag, content=content, platforms=platforms)
        if self.link_delay and self._loop is not None:
            link = partial(self.link, repository, tag, digest)
            self._loop.call_soon_threadsafe(self._loop.call_later, self.link_delay, link)
        else:
            self.link(repository, tag, digest)
        return digest

    def upload(
        self,
        repository: str,
        tag: str,
        *,
        content: str,
        platforms: Sequence[str] = (),
        origin: EventOrigin | None = None,
    ) -> str:
        """A push without its last step: store the image and send the events, but do not link the tag."""
        origin = origin or EventOrigin(host=self.settings.host)
        image = build_image(content, platforms)
        for blob in image.blobs:
            if self.contents.blob(repository, digest_of(blob)) is None:  # a client does not upload a blob that exists
                self.put_blob(repository, blob, origin=origin)
        for child in image.children:
            self.put_manifest(repository, child, origin=origin)
        self.put_manifest(repository, image.top, tag=tag, origin=origin)
        return image.top.digest

    def put_blob(self, repository: str, body: bytes, *, origin: EventOrigin) -> str:
        digest = self.contents.put_blob(repository, body)
        if self._state is not None:
            self._state.save_blob(digest, body)
        target = EventTarget(repository=repository, media_type=OCTET_STREAM, digest=digest, size=len(body))
        self.emit("push", target, origin=origin)
        return digest

    def put_manifest(self, repository: str, manifest: StoredManifest, *, origin: EventOrigin, tag: str = "") -> None:
        """Store a manifest and send its event. As in Distribution, this does not link the tag; `link` does."""
        self.contents.put_manifest(repository, manifest)
        if self._state is not None:
            self._state.save_blob(manifest.digest, manifest.body)
        self.emit("push", manifest_target(repository, manifest, tag=tag), origin=origin)

    def link(self, repository: str, tag: str, digest: str) -> None:
        """Give the tag this digest from now on."""
        self.contents.link(repository, tag, digest)
        self._history.record(repository, tag, TagChange(at=self.clock(), digest=digest))
        self.save()

    def delete_tag(self, repository: str, tag: str, *, origin: EventOrigin | None = None) -> bool:
        """Delete a tag and send its event. False if there is none."""
        if not self.contents.unlink(repository, tag):
            return False
        self._forget(repository, [tag], origin or EventOrigin(host=self.settings.host, method="DELETE"))
        return True

    def delete_manifest(self, repository: str, digest: str, *, origin: EventOrigin) -> bool:
        """Delete a manifest and its tags: one event for it, then one for each tag. False if there is none."""
        tags = self.contents.delete_manifest(repository, digest)
        if tags is None:
            return False
        self.emit("delete", EventTarget(repository=repository, digest=digest), origin=origin)
        self._forget(repository, tags, origin)
        return True

    def delete_blob(self, repository: str, digest: str, *, origin: EventOrigin) -> bool:
        if not self.contents.delete_blob(repository, digest):
            return False
        self.emit("delete", EventTarget(repository=repository, digest=digest), origin=origin)
        self.save()
        return True

    def history(self, repository: str, tag: str) -> list[TagChange]:
        """The digests of the tag with their times, oldest first. A generated tag exists since time 0."""
        generated = self.contents.generated.manifest(repository, tag) if self.contents.generated else None
        first = [TagChange(at=0.0, digest=generated.digest)] if generated else []
        return [*first, *self._history.of(repository, tag)]

    def notify(self, endpoint: RegistryNotifications) -> Sender:
        """Add an endpoint while the registry runs. It gets the events from now on."""
        sender = Sender(endpoint)
        self.senders.append(sender)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._start, sender)
        return sender

    def emit(self, action: str, target: EventTarget, *, origin: EventOrigin) -> None:
        if not self.senders:
            return
        event = Event(action=action, target=target, origin=origin, at=self.clock(), instance_id=self._instance_id)
        for sender in self.senders:
            sender.offer(event)

    def save(self) -> None:
        """Write the state, if this registry has a directory for it."""
        if self._state is not None:
            self._state.save(self.contents, self._history)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send notifications inside this context. Events still queued at its end stay queued."""
        self._loop = asyncio.get_running_loop()
        for sender in self.senders:
            self._start(sender)
        try:
            yield
        finally:
            self._loop = None
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._tasks.clear()

    def _start(self, sender: Sender) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(sender.run()))

    def _forget(self, repository: str, tags: Sequence[str], origin: EventOrigin) -> None:
        for tag in tags:
            self._history.record(repository, tag, TagChange(at=self.clock(), digest=None))
            self.emit("delete", EventTarget(repository=repository, tag=tag), origin=origin)
        self.save()


def manifest_target(repository: str, manifest: StoredManifest, *, tag: str = "") -> EventTarget:
    """The target of an event about a manifest."""
    return EventTarget(
        repository=repository,
        media_type=manifest.media_type,
        digest=manifest.digest,
        size=len(manifest.body),
        tag=tag,
    )
