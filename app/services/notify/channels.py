"""The channels that notifications go to: those of the configuration in force, by name."""

from collections.abc import Collection
from typing import Protocol

import structlog

log = structlog.get_logger()

NOT_CONFIGURED = "no channel is configured"
REMOVED = "the channel was removed from the configuration"


class Channels(Protocol):
    """The store of the channels in force."""

    async def replace(self, names: Collection[str], *, problem: str) -> int:
        """Make these the channels; give up the open deliveries for other channels with that problem.

        Returns the number of deliveries that were given up. Raises StoreUnavailable.
        """
        ...


async def sync_channels(channels: Channels, names: Collection[str]) -> None:
    """Bring the configured channels into force. Raises StoreUnavailable.

    A new channel gets the notifications that are written from now on.
    """
    given_up = await channels.replace(names, problem=REMOVED)
    if given_up:
        log.warning("notification.given_up", deliveries=given_up, problem=REMOVED)
