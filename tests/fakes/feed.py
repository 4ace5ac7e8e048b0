"""A Feed that the test speaks into."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.adapters.postgres.changes import Mailbox
from app.services.feed import Change


class SpokenFeed:
    """Every listener is told first that everything is to be read, then what the test says."""

    def __init__(self) -> None:
        self.mailboxes: set[Mailbox] = set()
        self.closed = False

    @property
    def listeners(self) -> int:
        return len(self.mailboxes)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Mailbox]:
        mailbox = Mailbox()
        mailbox.put(Change(everything=True))
        self.mailboxes.add(mailbox)
        if self.closed:
            mailbox.close()
        try:
            yield mailbox
        finally:
            self.mailboxes.discard(mailbox)

    def say(self, change: Change) -> None:
        for mailbox in self.mailboxes:
            mailbox.put(change)

    def close(self) -> None:
        self.closed = True
        for mailbox in self.mailboxes:
            mailbox.close()
