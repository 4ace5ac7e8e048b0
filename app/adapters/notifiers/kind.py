"""A kind of channel as a value. Every kind is a file beside this one and a line of `CHANNELS`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from app.ports import Channel

Open = Callable[[httpx.AsyncClient, Mapping[str, str]], Channel]
"""Opens a channel with the caller's client and the channel's settings by key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelKind:
    """A way to send: its name in `[notifiers.NAME] kind`, the keys that it needs in that table, and how to open it."""

    name: str
    needs: tuple[str, ...]
    open: Open
