"""How long to leave Nomad alone between two polls of one thing. Pure but for the jitter; it must not sleep."""

import random

_LEAST, _MOST = 0.1, 1.0
_WITHOUT_WAITING = (1.0, 5.0)
_AFTER_ERROR = (1.0, 5.0)
# A long list of deployments that move all the time is asked for less often: 0.6 s at a hundred.
_PER_ROW = 1 / 200


class Pace:
    """Grows while nothing comes of asking, and starts anew when something does."""

    def __init__(self) -> None:
        self._fruitless = 0
        self._errors = 0

    def after_change(self, *, rows: int = 0) -> float:
        """Seconds after an answer that woke somebody, of so many rows."""
        self._fruitless = self._errors = 0
        return _LEAST + rows * _PER_ROW

    def after_nothing(self, *, waited: bool) -> float:
        """Seconds after an answer that told nothing new; longer where Nomad was not asked to wait by itself."""
        self._errors = 0
        least, most = (_LEAST, _MOST) if waited else _WITHOUT_WAITING
        self._fruitless += 1
        return float(min(most, least * 2 ** min(self._fruitless - 1, 10)))

    def after_error(self) -> float:
        """Seconds after no answer, with jitter: whoever waits does not come back at once with all others."""
        least, most = _AFTER_ERROR
        self._errors += 1
        return float(
            min(most, least * 2 ** min(self._errors - 1, 10)) * random.uniform(0.75, 1.0) + random.uniform(0, 0.25)
        )
