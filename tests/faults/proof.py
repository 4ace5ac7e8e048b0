"""What a fault class proved, written into the run's report so that `make reliability` can publish it."""

import json
from collections.abc import Callable, Mapping

from tests.faults.sizes import seed

PROPERTY = "proof"

Proven = Callable[..., None]
"""`prove` for one test: the fixture `proven`."""


def prove(record_property: Callable[[str, object], None], *, moves: int, **facts: object) -> None:
    """Write down what one test saw: how many moves, and other facts by name (times in seconds)."""
    record_property(PROPERTY, json.dumps({"moves": moves, "seed": seed(), **facts}))


def read(properties: Mapping[str, str]) -> dict[str, object]:
    """What a test wrote down; empty if it wrote nothing."""
    found: dict[str, object] = json.loads(properties.get(PROPERTY, "{}"))
    return found
