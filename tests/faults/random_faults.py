"""Random faults of the simulator: each matching request has the same risk at every moment.

The draws are seeded, but which request gets which draw depends on the order in which they arrive.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from app.simulators.nomad.faults import FaultAction, NomadFault, NomadFaults


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """This share of the requests that match `fault` gets it; a hang lasts up to its seconds."""

    fault: NomadFault
    share: float


_IN_A_ROW = 3


class Chances(NomadFaults):
    """The `faults` of a simulator; `struck` counts the requests that got one.

    Among the same requests in a row, the fourth is spared: more would only show how our back-off grows.
    `meanwhile(method, path)` is called for every request first: its changes come between two of our requests.
    """

    def __init__(self, *chances: Chance, seed: int = 4, meanwhile: Callable[[str, str], None] | None = None) -> None:
        super().__init__()
        self._chances = chances
        self._meanwhile = meanwhile
        self._random = random.Random(seed)
        self._in_a_row: Counter[tuple[str, str]] = Counter()
        self.struck = 0

    def clear(self) -> None:
        """No more faults from now on."""
        super().clear()
        self._chances, self._meanwhile = (), None

    def take(self, method: str, path: str) -> NomadFault | None:
        """The fault for this request, if any."""
        if self._meanwhile is not None:
            self._meanwhile(method, path)
        for chance in self._chances if self._in_a_row[method, path] < _IN_A_ROW else ():
            if chance.fault.matches(method, path) and self._random.random() < chance.share:
                self.struck += 1
                self._in_a_row[method, path] += 1
                return self._drawn(chance.fault)
        del self._in_a_row[method, path]
        return super().take(method, path)

    def _drawn(self, fault: NomadFault) -> NomadFault:
        if fault.action is FaultAction.HANG:
            return replace(fault, seconds=self._random.uniform(0, fault.seconds))
        return replace(fault)
