"""Faults of the simulator that strike by chance: each request concerned is at the same risk, at every moment.

The draws are seeded, but which request draws what depends on the order in which they come.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from app.simulators.nomad.faults import FaultAction, NomadFault, NomadFaults


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """This share of the requests that `fault` fits meets it; a hang lasts up to its seconds."""

    fault: NomadFault
    share: float


_IN_A_ROW = 3


class Chances(NomadFaults):
    """Given to a simulator as its `faults`; `struck` counts the requests that met one.

    The fourth of the same requests in a row is spared: it would teach nothing but how our pauses grow.
    `meanwhile(method, path)` is called for every request before anything else happens: what somebody else does then,
    comes between two requests of ours.
    """

    def __init__(self, *chances: Chance, seed: int = 4, meanwhile: Callable[[str, str], None] | None = None) -> None:
        super().__init__()
        self._chances = chances
        self._meanwhile = meanwhile
        self._random = random.Random(seed)
        self._in_a_row: Counter[tuple[str, str]] = Counter()
        self.struck = 0

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        super().clear()
        self._chances, self._meanwhile = (), None

    def take(self, method: str, path: str) -> NomadFault | None:
        """The fault that this request meets, if any."""
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
