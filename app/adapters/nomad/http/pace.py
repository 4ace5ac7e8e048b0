"""How long to pause between two polls of the same object. Pure except for the jitter; it never sleeps itself."""

import random

_LEAST, _MOST = 0.1, 1.0
_WITHOUT_WAITING = (1.0, 5.0)
_AFTER_ERROR = (1.0, 5.0)
# A long list that changes all the time is read less often: a hundred deployments add 0.5 s.
_PER_ROW = 1 / 200


class PollPace:
    """The pause grows while polls bring nothing new, and starts again after a change."""

    def __init__(self) -> None:
        self._unchanged = 0
        self._errors = 0

    def after_change(self, *, rows: int = 0) -> float:
        """Seconds to pause after an answer of so many rows that ended a wait."""
        self._unchanged = self._errors = 0
        return _LEAST + rows * _PER_ROW

    def after_nothing(self, *, waited: bool, held: float = 0.0) -> float:
        """Seconds to pause after an answer without a change; longer where the query did not block, and shorter by the
        seconds for which it was `held`."""
        self._errors = 0
        least, most = (_LEAST, _MOST) if waited else _WITHOUT_WAITING
        self._unchanged += 1
        return max(0.0, float(min(most, least * 2 ** min(self._unchanged - 1, 10))) - held)

    def after_error(self) -> float:
        """Seconds to pause after a failure, with jitter, so that processes do not all return at once."""
        least, most = _AFTER_ERROR
        self._errors += 1
        return float(
            min(most, least * 2 ** min(self._errors - 1, 10)) * random.uniform(0.75, 1.0) + random.uniform(0, 0.25)
        )
