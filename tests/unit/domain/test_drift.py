"""Drift: what counts as changed outside, from which image to which."""

import pytest

from app.domain.drift import DriftedImage, accepted, described, drifted, outside_changes, with_baseline
from app.domain.history import History
from tests.unit.domain.cases import D1, D2, HOST, task

APP = f"{HOST}/team/app"
KEY = "app/server"


def change(before: str, after: str, *, name: str = KEY) -> DriftedImage:
    return DriftedImage(task=name, before=before, after=after)


def test_the_first_check_expects_what_it_finds_and_keeps_what_was_expected() -> None:
    tasks = (task(), task(":v1.1.0", group="two"))
    history = with_baseline(tasks, History(expected={KEY: "another"}))
    assert history.expected == {KEY: "another", "two/server": f"{APP}:v1.1.0"}
    assert drifted(tasks, history.expected)
    assert accepted(tasks, history).expected == {KEY: f"{APP}:v1.0.0", "two/server": f"{APP}:v1.1.0"}
    assert not drifted(tasks, accepted(tasks, history).expected)


def test_a_change_is_found_against_the_last_known_image_only() -> None:
    assert outside_changes((task(),), {KEY: f"{APP}:v1.1.0"}) == (change(f"{APP}:v1.1.0", f"{APP}:v1.0.0"),)
    assert outside_changes((task(),), {KEY: f"{APP}:v1.0.0"}) == ()
    assert outside_changes((task(),), {}) == ()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (f"{APP}:v1.1.0", f"{APP}:v1.0.0", "from v1.1.0 to v1.0.0"),
        (f"{APP}:v1.1.0@{D2}", f"{APP}:v1.0.0", "from v1.1.0 to v1.0.0"),
        (f"{APP}:stable@{D2}", f"{APP}:stable@{D1}", f"from stable ({D2[:19]}) to stable ({D1[:19]})"),
        (f"{APP}:v1.1.0@{D2}", f"{APP}:v1.1.0", f"from v1.1.0 ({D2[:19]}) to v1.1.0"),
        (f"{APP}@{D2}", f"{APP}@{D1}", f"from {D2[:19]} to {D1[:19]}"),
        (APP, f"{APP}:v1.0.0", "from latest to v1.0.0"),
        (f"{APP}:v1.0.0", f"{HOST}/other:v1.0.0", f"from {APP}:v1.0.0 to {HOST}/other:v1.0.0"),
        (f"{APP}@{D2}", f"{HOST}/other", f"from {APP}@{D2[:19]} to {HOST}/other"),
        (f"{APP}:v1.0.0", "", f"from {APP}:v1.0.0 to an image that cannot be followed"),
        ("", f"{APP}:v1.0.0", f"from an image that cannot be followed to {APP}:v1.0.0"),
        ("localhost:5000/app:v2", "localhost:5000/app:v1", "from v2 to v1"),
        ("localhost:5000/app", "localhost:5000/app:v1", "from latest to v1"),
    ],
)
def test_a_change_names_both_images(before: str, after: str, message: str) -> None:
    assert described([change(before, after)]) == message


def test_tasks_are_named_only_where_they_changed_differently() -> None:
    same = [change(f"{APP}:v2", f"{APP}:v1"), change(f"{APP}:v2", f"{APP}:v1", name="two/server")]
    assert described(same) == "from v2 to v1"
    other = [same[0], change(f"{APP}:v3", f"{APP}:v1", name="two/server")]
    assert described(other) == "app/server from v2 to v1, two/server from v3 to v1"
