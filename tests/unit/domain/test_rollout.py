"""How long canaries must be healthy before they are promoted."""

import pytest

from app.domain.rollout import Origin, soak_time


@pytest.mark.parametrize(
    ("promote_after", "seconds"),
    [([], None), ([None], None), ([5.0], 5.0), ([5.0, 60.0], 60.0), ([5.0, None], None), ([0.0], 0.0)],
)
def test_the_longest_soak_time_counts_and_each_watch_must_name_one(
    promote_after: list[float | None], seconds: float | None
) -> None:
    for origin in (Origin.RULE, Origin.DEPLOY, Origin.RESET, Origin.ROLLBACK):
        assert soak_time(origin, promote_after) == seconds
    assert soak_time(Origin.UNDO, promote_after) == 0.0
