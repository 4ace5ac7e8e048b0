"""The audit log's sentences: each part of a command that changed something, and nothing else."""

import pytest

from app.domain.rollout import Origin
from app.services.followed import Wish
from app.services.said import Saying
from app.services.telling import rolled_back, sayings, switched, wished
from app.services.word import Errand, Word

V2 = Errand(origin=Origin.DEPLOY, tag="v2", digest="sha256:ab", forced=True)


def word(
    *,
    pinned_tag: str | None = None,
    auto_deploy: bool | None = None,
    errand: Errand | None = None,
    is_reset: bool = False,
) -> Word:
    return Word(watch="app", by="ann", pinned_tag=pinned_tag, auto_deploy=auto_deploy, errand=errand, is_reset=is_reset)


@pytest.mark.parametrize(
    ("said", "brings", "told"),
    [
        (word(pinned_tag="v1"), False, []),
        (word(auto_deploy=True), False, []),
        (word(pinned_tag="v2", errand=V2), True, [(Saying.PIN, "pinned to v2, deploys it")]),
        (word(pinned_tag="v2", errand=V2), False, [(Saying.PIN, "pinned to v2")]),
        (word(pinned_tag="v1", errand=V2), True, [(Saying.PIN, "pinned to v1, deploys it")]),
        (word(pinned_tag=""), False, [(Saying.FOLLOW, "follows releases")]),
        (word(pinned_tag="", errand=V2), True, [(Saying.FOLLOW, "follows releases, deploys v2")]),
        (word(errand=V2), True, [(Saying.REDEPLOY, "deploys v2 once, the rule stays as it is")]),
        (word(errand=V2), False, []),
        (word(auto_deploy=False), False, [(Saying.SWITCH_OFF, "auto deploy off")]),
        (word(is_reset=True), False, []),
        (word(is_reset=True, pinned_tag=""), False, [(Saying.RESET, "follows releases, auto deploy on")]),
        (word(is_reset=True, errand=V2), True, [(Saying.RESET, "follows releases, auto deploy on, deploys v2")]),
    ],
)
def test_what_a_command_changed_is_told(said: Word, brings: bool, told: list[tuple[Saying, str]]) -> None:
    assert list(sayings(said, pinned_before="v1", auto_before=True, brings=brings)) == told


def test_auto_deploy_may_be_switched_on_beside_another_part() -> None:
    said = word(pinned_tag="", auto_deploy=True)
    assert list(sayings(said, pinned_before="v1", auto_before=False, brings=False)) == [
        (Saying.FOLLOW, "follows releases"),
        (Saying.SWITCH_ON, "auto deploy on"),
    ]
    reset = word(is_reset=True, auto_deploy=True)
    assert [saying for saying, _ in sayings(reset, pinned_before="", auto_before=False, brings=False)] == [Saying.RESET]


def test_commands_about_rollouts_and_everything_are_told() -> None:
    assert {wished(each)[0] for each in Wish} == {Saying.PROMOTE, Saying.FAIL}
    assert rolled_back(tag="v1", digest="sha256:ab") == (Saying.ROLLBACK, "goes back to v1")
    assert rolled_back(tag="", digest="sha256:ab") == (Saying.ROLLBACK, "goes back to sha256:ab")
    assert switched(paused=True) == (Saying.PAUSE, "nothing is deployed by itself")
    assert switched(paused=False) == (Saying.RESUME, "what is wanted is deployed again")
