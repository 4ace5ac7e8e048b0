"""What the rule leaves out, in words: newer-looking tags beside the running release, and tags that are no releases."""

import pytest

from app.domain.left_out import TagList, newer_left_out, no_release

REPOSITORY = "registry.example/team/app"


@pytest.mark.parametrize(
    ("running", "tags", "words"),
    [
        (
            "2025.11.1",
            ("2026.02.0", "2025.11.1", "latest"),
            "; 2026.02.0 is newer by its numbers and no release (leading zero)",
        ),
        ("1.2.3", ("1.2.3.2",), "; 1.2.3.2 is newer by its numbers and no release (4 parts, a release has 3)"),
        (
            "v1.9.0",
            ("1.10.0", "v1.9.0"),
            "; 1.10.0 is newer by its numbers and no release (spelled without v, releases here have it)",
        ),
        (
            "1.9.0",
            ("v1.10.0",),
            "; v1.10.0 is newer by its numbers and no release (spelled with v, releases here have none)",
        ),
        ("v1.2.3", ("v1.3.0-rc.1",), "; v1.3.0-rc.1 is newer by its numbers and no release (pre-release rc.1)"),
        ("v1.2.3", ("v1.3.0_7",), "; v1.3.0_7 is newer by its numbers and no release (build part 7)"),
        ("v1.2.3", ("v1.3",), "; v1.3 is newer by its numbers and no release (2 parts, a release has 3)"),
        (
            "v1.0.0",
            ("v1.3.0-rc.9", "v1.3.0-rc.10", "v1.1.0-rc.1", "v0.9.0-rc.1"),
            "; v1.3.0-rc.10 is newer by its numbers and no release (pre-release rc.10); so are 2 more tags",
        ),
        (
            "v1.0.0",
            ("v1.3.0-rc.9", "v1.2.0-rc.1"),
            "; v1.3.0-rc.9 is newer by its numbers and no release (pre-release rc.9); so is 1 more tag",
        ),
        ("v1.2.3", ("v1.2.3-rc.1", "v1.2", "1.2.3", "v1.2.3.0", "latest", "20260201", "v2.0.0"), ""),
        ("main", ("v1.0.0-rc.1",), ""),
        ("v1.2.3", (), ""),
    ],
)
def test_up_to_date_names_the_highest_tag_that_looks_newer(running: str, tags: tuple[str, ...], words: str) -> None:
    assert newer_left_out(TagList(tags=tags), running) == words
    assert newer_left_out(TagList(tags=tags[::-1]), running) == words


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (("v1.4.0",), "; the registry has no manifest for v1.4.0, which is higher"),
        (("v1.4.0", "v1.3.0"), "; the registry has no manifest for v1.4.0, v1.3.0, which are higher"),
        (
            ("v1.6.0", "v1.5.0", "v1.4.0", "v1.3.0"),
            "; the registry has no manifest for v1.6.0, v1.5.0, v1.4.0, …, which are higher",
        ),
    ],
)
def test_a_higher_release_without_a_manifest_is_named(missing: tuple[str, ...], words: str) -> None:
    assert newer_left_out(TagList(tags=("v1.2.0", *missing), without_manifest=missing), "v1.2.0") == words


def test_a_list_that_was_not_read_leaves_nothing_out() -> None:
    assert newer_left_out(TagList(), "v1.2.0") == ""


@pytest.mark.parametrize(
    ("found", "running", "cause", "fix"),
    [
        (
            TagList(tags=("main", "latest", "2026.02.0", f"build-{'a' * 40}")),
            None,
            "the registry has no release tag; its 4 tags are no releases: 2026.02.0 (leading zero), latest, main, …; ",
            "push X.Y.Z or vX.Y.Z, or pin a tag",
        ),
        (
            TagList(tags=("latest",)),
            "v1.0.0",
            "the registry has no release tag; its one tag is no release: latest; ",
            "push vX.Y.Z, or pin a tag",
        ),
        (
            TagList(tags=("v1.10.0", "v1.9.0")),
            "1.0.0",
            "the registry has no release tag; its 2 tags are no releases: "
            "v1.10.0 (spelled with v, releases here have none), v1.9.0 (spelled with v, releases here have none); ",
            "push X.Y.Z, or pin a tag",
        ),
        (
            TagList(tags=("1.10", "1.9", "1.10.0.1")),
            None,
            "the registry has no release tag; its 3 tags are no releases: 1.10.0.1 (4 parts, a release has 3), "
            "1.10 (2 parts, a release has 3), 1.9 (2 parts, a release has 3); ",
            "push X.Y.Z or vX.Y.Z, or pin a tag",
        ),
        (
            TagList(tags=()),
            None,
            f"the registry has no tag of {REPOSITORY}; ",
            "push a release (X.Y.Z or vX.Y.Z), or pin a tag",
        ),
        (
            TagList(tags=(), repository_exists=False),
            None,
            f"the registry has no repository {REPOSITORY}, or hides it; ",
            "push a release (X.Y.Z or vX.Y.Z), or correct the repository or the credentials in the configuration",
        ),
        (
            TagList(tags=("v1.1.0", "v1.0.0"), without_manifest=("v1.1.0", "v1.0.0")),
            None,
            "the registry has no manifest for any release of its list: v1.1.0, v1.0.0; ",
            "push them again or delete them, or pin a tag",
        ),
        (
            TagList(tags=("v3.0.0",) * 9, without_manifest=("v3.0.0", "v2.9.0", "v2.8.0", "v2.7.0"), is_cut=True),
            None,
            "the registry has no manifest for the 4 highest releases of its list: v3.0.0, v2.9.0, v2.8.0, …; "
            "the list is longer, and lower ones are not asked for; ",
            "push them again or delete them, or pin a tag",
        ),
    ],
)
def test_without_a_release_it_is_said_what_there_is_instead(
    found: TagList, running: str | None, cause: str, fix: str
) -> None:
    assert no_release(found, REPOSITORY, running) == f"{cause}the running image stays; {fix}"
