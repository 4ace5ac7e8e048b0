"""Why a tag is no release: exactly one kind for each tag that the rule leaves out, and none for a release."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.rule import counts_with_v, release
from app.domain.unreleased import NoReleaseKind, classify, numbers


@pytest.mark.parametrize(
    ("tag", "kind", "cause", "instead"),
    [
        ("v1.2.3-rc.1", NoReleaseKind.PRE_RELEASE, "pre-release rc.1", "v1.2.3"),
        ("1.2.3+build", NoReleaseKind.BUILD_PART, "build part build", "1.2.3"),
        ("1.2.3_7", NoReleaseKind.BUILD_PART, "build part 7", "1.2.3"),
        ("2026.02.0", NoReleaseKind.LEADING_ZERO, "leading zero", "2026.2.0"),
        ("1.2.3.2", NoReleaseKind.MORE_PARTS, "4 parts, a release has 3", ""),
        ("1.2.3.4-rc1", NoReleaseKind.PRE_RELEASE, "pre-release rc1", ""),
        ("1.2", NoReleaseKind.FEWER_PARTS, "2 parts, a release has 3", "1.2.0"),
        ("20251101", NoReleaseKind.FEWER_PARTS, "1 part, a release has 3", "20251101.0.0"),
        ("V1.2.3", NoReleaseKind.OTHER_SPELLING, "spelled with V", "v1.2.3"),
        ("latest", NoReleaseKind.NO_VERSION, "no version number", ""),
        ("1.2.3rc1", NoReleaseKind.NO_VERSION, "no version number", ""),
        ("1" * 200, NoReleaseKind.NO_VERSION, "no version number", ""),
    ],
)
def test_the_kind_and_what_would_count_instead(tag: str, kind: NoReleaseKind, cause: str, instead: str) -> None:
    found = classify(tag)
    assert found is not None
    assert (found.kind, found.cause, found.instead) == (kind, cause, instead)
    assert not instead or release(instead) is not None


def test_the_spelling_that_counts_is_that_of_what_runs() -> None:
    with_v, without = classify("1.10.0", True), classify("v1.10.0", False)
    assert with_v is not None
    assert without is not None
    assert (with_v.kind, with_v.instead) == (NoReleaseKind.OTHER_SPELLING, "v1.10.0")
    assert (without.kind, without.instead) == (NoReleaseKind.OTHER_SPELLING, "1.10.0")
    assert "without v" in with_v.cause
    assert "with v" in without.cause
    assert classify("1.10.0", False) is None
    assert classify("1.10.0") is None
    assert counts_with_v(["1.0.0", "v1.0.0"])
    assert not counts_with_v(["1.0.0", "v1.0.0"], "1.0.0")
    assert not counts_with_v([])


@pytest.mark.parametrize(
    ("tag", "running", "above"),
    [
        ("2026.02.0", "2025.11.1", True),
        ("1.2.3.2", "1.2.3", True),
        ("1.2.3-rc1", "1.2.3", False),
        ("1.2", "1.2.0", False),
        ("1.2.3.0", "1.2.3", False),
        ("latest", "1.2.3", False),
        ("1.3", "latest", False),
    ],
)
def test_newer_by_its_numbers(tag: str, running: str, above: bool) -> None:
    found = classify(tag)
    assert found is not None
    assert found.is_above(running) is above


@given(st.from_regex(r"\A[vV]?[0-9a-z.+_-]{1,30}\Z"), st.sampled_from([None, True, False]))
def test_a_tag_is_a_release_or_has_one_reason(tag: str, with_v: bool | None) -> None:
    found, reason = release(tag), classify(tag, with_v)
    if reason is None:
        assert found is not None
        assert with_v in (None, found.with_v)
        return
    assert reason.cause
    assert reason.numbers == numbers(tag)
    if reason.instead:
        assert classify(reason.instead, with_v) is None
