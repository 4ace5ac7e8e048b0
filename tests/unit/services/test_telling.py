"""What the audit log keeps of a command."""

from typing import Any

import pytest

from app.domain.rollout import Origin
from app.services.followed import Wish
from app.services.said import Saying
from app.services.steering import Destination
from app.services.telling import pausing, rolling_back, sayings, wished
from app.services.word import Errand, Word
from tests.unit.domain.cases import D1, D2, WATCH

ERRAND = Errand(origin=Origin.DEPLOY, tag="v2", digest=D2, forced=True)


def told(*, brings: bool = False, pinned: str = "", auto: bool = True, **fields: Any) -> list[tuple[Saying, str]]:
    word = Word(watch="app", by="ann", errand=ERRAND if brings else None, **fields)
    return list(sayings(word, pinned_before=pinned, auto_before=auto, brings=brings))


@pytest.mark.parametrize(
    ("fields", "entries"),
    [
        ({"pinned_tag": "v2", "brings": True}, [(Saying.PIN, "pinned to v2, deploys it")]),
        ({"pinned_tag": "v2"}, [(Saying.PIN, "pinned to v2")]),
        ({"pinned_tag": "v2", "pinned": "v2"}, []),
        ({"pinned_tag": "", "pinned": "v1"}, [(Saying.FOLLOW, "follows releases")]),
        ({"pinned_tag": "", "brings": True}, [(Saying.FOLLOW, "follows releases, deploys v2")]),
        ({"pinned_tag": ""}, []),
        ({"brings": True}, [(Saying.REDEPLOY, "deploys v2 once, the rule stays as it is")]),
        ({"auto_deploy": True, "auto": False}, [(Saying.SWITCH_ON, "auto deploy on")]),
        ({"auto_deploy": False}, [(Saying.SWITCH_OFF, "auto deploy off")]),
        ({"auto_deploy": True}, []),
        (
            {"pinned_tag": "v2", "auto_deploy": False},
            [(Saying.PIN, "pinned to v2"), (Saying.SWITCH_OFF, "auto deploy off")],
        ),
    ],
)
def test_each_part_that_changed_something_is_an_entry(
    fields: dict[str, Any], entries: list[tuple[Saying, str]]
) -> None:
    assert told(**fields) == entries


@pytest.mark.parametrize("changed", [{"pinned": "v1"}, {"auto": False}, {"brings": True}])
def test_a_reset_is_one_entry(changed: dict[str, Any]) -> None:
    found = told(pinned_tag="", auto_deploy=True, is_reset=True, **changed)
    deploys = ", deploys v2" if changed.get("brings") else ""
    assert found == [(Saying.RESET, f"follows releases, auto deploy on{deploys}")]


def test_a_reset_that_changed_nothing_is_no_entry() -> None:
    assert told(pinned_tag="", auto_deploy=True, is_reset=True) == []


def test_commands_about_everything_and_about_rollouts_are_told() -> None:
    assert pausing(paused=True) == (Saying.PAUSE, "nothing is deployed by itself")
    assert pausing(paused=False) == (Saying.RESUME, "what is wanted is deployed again")
    assert wished(Wish.PROMOTE, before=None) == (Saying.PROMOTE, "promotes the canaries")
    assert wished(Wish.FAIL, before=Wish.PROMOTE) == (Saying.FAIL, "fails the deployment")
    assert wished(Wish.FAIL, before=Wish.FAIL) is None
    destination = Destination(watch=WATCH, tag="v1", digest=D1)
    assert rolling_back(destination) == (Saying.ROLLBACK, "goes back to v1")
    bare = Destination(watch=WATCH, tag="", digest=D1)
    assert rolling_back(bare) == (Saying.ROLLBACK, f"goes back to {D1}")
