"""The dialects of registries' webhooks: headers and bytes in, tag events out. One file per sender; no I/O, no clock.

To add a sender: its file, its name in DIALECTS, its samples in tests/fixtures/webhooks, its row in docs/registries.md.
The settings take their kinds from DIALECTS, and the page its setup blocks.
"""

from collections.abc import Mapping
from types import MappingProxyType

from app.webhooks import distribution
from app.webhooks.dialect import Dialect

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        distribution.KIND: distribution.DIALECT,
    }
)
