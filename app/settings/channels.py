"""`[notifiers.NAME]`, and the Go service's `webhook_url`: the channels of notifications."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from app.adapters.notifiers import CHANNELS
from app.settings.document import Document, NotifierTable
from app.settings.faults import FaultList
from app.settings.secret import Secret
from app.settings.values import ChannelSettings

SLACK = "slack"  # the name and the kind of the channel of the top-level `webhook_url`


def read_channels(document: Document, faults: FaultList) -> Mapping[str, ChannelSettings]:
    """Every channel, by name; without `kind`, the name is the kind."""
    channels = {each.name: each for each in _tables(document, faults)}
    if document.webhook_url:
        if SLACK in document.notifiers:
            faults.add(("webhook_url",), f"sets the same channel as [notifiers.{SLACK}]", "Set only one of the two.")
        channels[SLACK] = ChannelSettings(name=SLACK, kind=SLACK, keys={"webhook_url": document.webhook_url})
    return MappingProxyType(channels)


def _tables(document: Document, faults: FaultList) -> Iterator[ChannelSettings]:
    for name, table in document.notifiers.items():
        place = ("notifiers", name)
        kind = table.kind or name
        if kind not in CHANNELS:
            if not faults.covers((*place, "kind")):
                faults.add((*place, "kind"), "is missing", f"Write one of {', '.join(CHANNELS)}.")
            continue
        keys = _keys(table)
        for key in CHANNELS[kind].needs:
            if key not in keys and not faults.covers((*place, key)):
                faults.add((*place, key), "is missing", f"A channel of kind {kind} needs it.")
        yield ChannelSettings(name=name, kind=kind, keys=keys)


def _keys(table: NotifierTable) -> Mapping[str, Secret]:
    """The keys of the table other than its kind."""
    return {key: value for key, value in table if key != "kind" and value}
