"""Adapters that send messages to people: one file and one line of `CHANNELS` for each kind of channel."""

from collections.abc import Mapping

from app.adapters.notifiers import slack
from app.adapters.notifiers.kind import ChannelKind

CHANNELS: Mapping[str, ChannelKind] = {each.name: each for each in (slack.KIND,)}
"""Every kind of channel, by its name in the configuration."""
