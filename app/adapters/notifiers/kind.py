"""What a kind of channel consists of; every kind is one file beside this one and one line of `CHANNELS`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from app.ports import Channel

Open = Callable[[httpx.AsyncClient, Mapping[str, str]], Channel]
"""Opens a channel on the caller's client, from its settings by key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelKind:
    """A way to send: its name in `[notifiers.NAME] kind`, the keys of that table that it needs, and how to open it."""

    name: str
    needs: tuple[str, ...]
    open: Open
