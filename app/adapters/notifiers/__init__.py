"""Adapters that send messages to people: one file for each kind of channel, and one line of `CHANNELS`."""

from collections.abc import Mapping

from app.adapters.notifiers import slack
from app.adapters.notifiers.kind import ChannelKind

CHANNELS: Mapping[str, ChannelKind] = {each.name: each for each in (slack.KIND,)}
"""Every kind of channel, by the name that it has in the configuration."""
