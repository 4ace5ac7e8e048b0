"""What a registration leaves in the history of a watch."""

from app.domain.history import History, RecordedTask, after_registration
from tests.unit.domain.cases import D1, D2, D3

WEB = RecordedTask(task="app/web", identity="host/team/app:v1", tag="v1", digest=D1)
SIDE = RecordedTask(task="app/side", identity="host/team/app:old", tag="old", digest=D2)
WRITTEN = {"app/web": f"host/team/app:v3@{D3}"}


def test_a_registered_task_is_expected_with_its_new_image_and_another_with_the_one_it_ran() -> None:
    found = after_registration(History(), [WEB, SIDE], WRITTEN, tag="v3", digest=D3)

    assert found.expected == {**WRITTEN, "app/side": "host/team/app:old"}


def test_a_registered_image_is_known_by_its_digest_beside_the_images_known_before() -> None:
    known = History(digests={"host/team/app:old": D2}, baseline_release="v1")

    found = after_registration(known, [WEB], WRITTEN, tag="v3", digest=D3)

    assert found.digests == {"host/team/app:old": D2, WRITTEN["app/web"]: D3}
    assert found.baseline_release == "v1"


def test_the_tags_of_the_digests_that_ran_stay_known_and_older_ones_are_forgotten() -> None:
    bare = RecordedTask(task="app/bare", identity=f"host/team/app@{D2}", tag="", digest=D2)
    known = History(tags={"sha256:gone": "v0"})

    assert after_registration(known, [WEB, bare], WRITTEN, tag="v3", digest=D3).tags == {D1: "v1", D3: "v3"}


def test_a_task_that_an_older_version_recorded_without_its_identity_is_not_expected() -> None:
    old = RecordedTask(task="app/side", identity=None, tag="v1", digest=D1)
    unreadable = RecordedTask(task="app/odd", identity="", tag="", digest="")

    assert after_registration(History(), [old, unreadable], {}, tag="v3", digest=D3).expected == {"app/odd": ""}
