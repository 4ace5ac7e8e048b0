"""Answers what a registry's webhook says: headers and bytes in, tag events out. One file per sender; no I/O, no clock.

A parser never raises: what it does not understand becomes an Oddity, and the good events of the same body still count.
It is called only after the delivery was authenticated (`authenticate.py`). To add a sender: its file, a line in
PARSERS, its samples in tests/fixtures/webhooks.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from app.domain.event import Parsed
from app.webhooks import distribution

Parser = Callable[[Mapping[str, str], bytes], Parsed]

PARSERS: Mapping[str, Parser] = MappingProxyType({"distribution": distribution.parse})
