"""The whole line in one process, for behaviour tests: real Postgres, a registry and a Nomad over HTTP, no workers.

The registry and the simulator are in memory and are controlled by the test; their ledgers are the oracle.
"""

from tests.line.open_line import Line, line
from tests.line.parts import PATIENCE
from tests.line.world import SLOW, World, world

__all__ = ["PATIENCE", "SLOW", "Line", "World", "line", "world"]
