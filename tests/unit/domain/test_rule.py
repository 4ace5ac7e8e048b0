"""The rule: the desired tag, the release format, and the order of tags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.rule import (
    MOST_ASKED,
    Rule,
    arranged,
    asked_releases,
    candidates,
    counts_with_v,
    desired_tag,
    highest_of,
    highest_release,
    highest_tag,
    listed,
    release,
)


@pytest.mark.parametrize("tag", ["0.0.0", "v0.0.0", "1.2.3", "v10.20.30"])
def test_releases(tag: str) -> None:
    found = release(tag)
    assert found is not None
    assert (found.tag, found.with_v) == (tag, tag.startswith("v"))


@pytest.mark.parametrize(("tag", "counts"), [(f"1.2.{'3' * 124}", True), (f"1.2.{'3' * 125}", False)])
def test_a_release_is_a_tag_that_a_registry_may_have(tag: str, counts: bool) -> None:
    assert (release(tag) is not None) is counts


def test_releases_with_v_count_as_soon_as_there_is_one() -> None:
    assert counts_with_v(["latest", "1.0.0", "v1.0.0"])
    assert not counts_with_v(["latest", "1.0.0"])
    assert not counts_with_v(["latest", "v1.0.0"], "1.0.0")


@pytest.mark.parametrize(
    "tag",
    [
        None, "", "latest", "v1", "1.2", "1.2.3.4", "v1.2.3-rc.1", "1.2.3+build", "v1.2.3_build", "V1.2.3", "vv1.2.3",
        "01.2.3", "1.02.3", "1.2.03", " 1.2.3", "1.2.3\n", "١.٢.٣", "release-1.2.3", "v1.2.3-1",
    ],
)  # fmt: skip
def test_no_releases(tag: str | None) -> None:
    assert release(tag) is None


@pytest.mark.parametrize(
    ("tags", "running", "desired"),
    [
        (["v0.9.0", "v0.10.0"], "v0.1.0", "v0.10.0"),
        (["v1.0.0", "2.0.0"], "v0.1.0", "v1.0.0"),
        (["v1.0.0", "2.0.0"], "0.1.0", "2.0.0"),
        (["v1.0.0", "2.0.0"], "latest", "v1.0.0"),
        (["v1.0.0", "2.0.0"], None, "v1.0.0"),
        (["1.0.0", "2.0.0"], "latest", "2.0.0"),
        (["1.0.0", "2.0.0"], "v1.0.0", None),
        (["latest", "v2.0.0-rc.1", "v1.0.0"], "v1.0.0", "v1.0.0"),
        (["latest"], None, None),
        ([], "v1.0.0", None),
    ],
)
def test_following_takes_the_highest_release_in_the_spelling_that_runs(
    tags: list[str], running: str | None, desired: str | None
) -> None:
    assert Rule().select(tags, running) == desired
    assert Rule().select(reversed(tags), running) == desired


@pytest.mark.parametrize(("tags", "desired"), [(["v9.0.0", "test"], "test"), (["v9.0.0"], None), ([], None)])
def test_pinned_stays_on_its_tag(tags: list[str], desired: str | None) -> None:
    rule = Rule(pinned_tag="test")
    assert not rule.follows_releases
    assert rule.select(iter(tags), "v1.0.0") == desired


def test_the_highest_of_what_runs_is_of_any_spelling() -> None:
    highest = highest_of(["v1.2.0", "1.10.0", "latest"])
    assert highest is not None
    assert highest.tag == "1.10.0"
    assert highest_of(["latest"]) is None
    assert highest_tag(["v1.2.0", "1.10.0", "latest"]) == "1.10.0"
    assert highest_tag(["latest"]) is None


def test_candidates_come_best_first_in_the_spelling_that_runs() -> None:
    tags = ["v1.0.0", "v3.0.0", "latest", "4.0.0", "v2.0.0"]
    assert list(candidates(Rule(), tags, "v1.0.0")) == ["v3.0.0", "v2.0.0", "v1.0.0"]
    assert list(candidates(Rule(), tags, None)) == ["v3.0.0", "v2.0.0", "v1.0.0", "4.0.0"]
    assert list(candidates(Rule(pinned_tag="latest"), tags, "v1.0.0")) == ["latest"]
    assert list(candidates(Rule(pinned_tag="gone"), tags, "v1.0.0")) == []


def test_the_highest_releases_of_the_spelling_that_counts_are_asked_for_a_manifest() -> None:
    tags = [f"v1.{minor}.0" for minor in range(20)]
    assert asked_releases([*tags, "2.0.0", "latest"], "v1.0.0") == {f"v1.{minor}.0" for minor in range(14, 20)}
    assert len(asked_releases(tags, None)) == MOST_ASKED
    assert asked_releases([*tags, "2.0.0"], "1.0.0") == {"2.0.0"}
    assert asked_releases(["latest"], None) == frozenset()


def test_candidates_end_but_for_those_that_events_name() -> None:
    tags = [f"v1.{minor}.0" for minor in range(20)]
    assert list(candidates(Rule(), tags, None)) == [f"v1.{minor}.0" for minor in range(19, 13, -1)]
    unlisted = frozenset({"v9.0.0", "v9.1.0"})
    found = list(candidates(Rule(), tags, None, unlisted=unlisted))
    assert found == ["v9.1.0", "v9.0.0", *(f"v1.{minor}.0" for minor in range(19, 13, -1))]


@pytest.mark.parametrize(
    ("pinned", "resolved", "requested", "desired"),
    [
        ("test", "v1.0.0", "v0.9.0", "test"),
        ("", "v1.0.0", "v0.9.0", "v1.0.0"),
        ("", "", "v0.9.0", ""),
        ("", None, "v0.9.0", "v0.9.0"),
        ("", None, "", ""),
        ("", None, None, "v2.0.0"),
    ],
)
def test_what_a_watch_desires(pinned: str, resolved: str | None, requested: str | None, desired: str) -> None:
    rule = Rule(pinned_tag=pinned)
    found = desired_tag(rule, ["v2.0.0", "3.0.0"], "v1.0.0", resolved=resolved, requested=requested)
    assert found == desired
    assert desired_tag(Rule(), ["latest"], None, resolved=None) == ""


def test_a_commit_id_is_left_out_of_the_list() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    assert not listed(commit)
    assert not listed(f"build-{commit}-x")
    assert listed(commit[:39])
    assert listed("v1.0.0")


@given(st.lists(st.tuples(*[st.integers(0, 30)] * 3), min_size=1))
def test_the_order_is_that_of_the_numbers(versions: list[tuple[int, int, int]]) -> None:
    found = highest_release([f"v{major}.{minor}.{patch}" for major, minor, patch in versions], "v0.0.1")
    assert found is not None
    assert found.version.to_tuple()[:3] == max(versions)


def test_tags_are_arranged_as_a_person_picks_from_them() -> None:
    """Releases, the highest first and `v` before the bare spelling; others by name; commit ids last."""
    commit, other = "0123456789abcdef0123456789abcdef01234567", "build-89abcdef0123456789abcdef0123456789abcdef"
    tags = [commit, "v1.9.0", "latest", "1.10.0", other, "v1.10.0", "Edge", "v1.10.0-rc.1"]
    assert arranged(tags) == ["v1.10.0", "1.10.0", "v1.9.0", "Edge", "latest", "v1.10.0-rc.1", commit, other]
    assert arranged([]) == []


@given(st.lists(st.text(alphabet="v.019abcdef", max_size=41)))
def test_arranging_loses_nothing_and_does_not_depend_on_the_registrys_order(tags: list[str]) -> None:
    assert sorted(arranged(tags)) == sorted(tags)
    assert arranged(tags) == arranged(sorted(tags))
