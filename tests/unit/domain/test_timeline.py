"""The sentences of a timeline."""

import pytest

from app.domain.event import EventAction
from app.domain.rollout import Origin
from app.domain.timeline import FoundBy, drift_message, event_message, finder, rollout_message


def test_an_event_names_what_happened_to_which_tag() -> None:
    assert event_message(EventAction.PUSH, path="team/app", tag="v1.0.0") == "pushed team/app:v1.0.0"
    assert event_message(EventAction.DELETE, path="team/app", tag="v1.0.0") == "deleted team/app:v1.0.0"


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        (Origin.RULE, "the rule deploys v2: v2 follows v1"),
        (Origin.DEPLOY, "deploys v2"),
        (Origin.RESET, "resets to v2"),
        (Origin.ROLLBACK, "rolls back to v2"),
        (Origin.UNDO, "restores v2, because the rollout after it failed"),
    ],
)
def test_a_rollout_names_what_it_brings_and_only_the_rules_says_why(origin: Origin, message: str) -> None:
    assert rollout_message(origin, tag="v2", digest="sha256:ab", cause="v2 follows v1") == message


@pytest.mark.parametrize("origin", Origin)
def test_each_origin_has_its_sentence_without_a_tag_too(origin: Origin) -> None:
    assert "sha256:ab" in rollout_message(origin, tag="", digest="sha256:ab", cause="")


def test_a_change_outside_names_both_images() -> None:
    before, after = {"app/server": "h.example/app:v2"}, {"app/server": "h.example/app:v1"}
    assert drift_message(before, after) == "the image was changed outside, from v2 to v1"
    assert "to an image that cannot be followed" in drift_message(before, {})


def test_each_action_has_its_text() -> None:
    assert len({event_message(each, path="app", tag="v1") for each in EventAction}) == len(EventAction)


@pytest.mark.parametrize("origin", [None, *Origin])
@pytest.mark.parametrize("is_first", [True, False])
def test_only_the_first_decision_about_a_digest_has_a_finder_and_no_persons_one(
    is_first: bool, origin: Origin | None
) -> None:
    expected = FoundBy.WEBHOOK if is_first and origin in (None, Origin.RULE) else FoundBy.UNKNOWN
    assert finder(FoundBy.WEBHOOK, is_first=is_first, origin=origin) is expected
