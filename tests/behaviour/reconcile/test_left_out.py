"""Up to date names the tags that the rule leaves out; and without a release, what the registry has instead is named."""

import pytest

from tests.line import Line


@pytest.mark.parametrize("notify", [True, False])
@pytest.mark.parametrize(
    ("runs", "pushed", "cause"),
    [
        ("2025.11.1", "2026.02.0", "leading zero"),
        ("1.2.3", "1.2.3.2", "4 parts, a release has 3"),
        ("v1.9.0", "1.10.0", "spelled without v, releases here have it"),
        ("v1.2.3", "v1.3.0-rc.1", "pre-release rc.1"),
    ],
)
async def test_a_newer_looking_tag_is_named_as_soon_as_it_is_found(
    running: Line, runs: str, pushed: str, cause: str, notify: bool
) -> None:
    await running.start(tag=runs)
    await running.push("app", pushed, notify=notify)
    await running.poll()
    expected = ("up_to_date", f"{runs} runs; {pushed} is newer by its numbers and no release ({cause})")

    async def named() -> bool:
        return await running.hold("app") == expected

    await running.until(named, f"the decision names {pushed}")
    assert running.images("app") == []


async def test_the_decision_changes_only_with_what_is_left_out(running: Line) -> None:
    await running.start()
    await running.push("app", "v1.1.0-rc.1")
    await running.quiet()
    before = len(await running.rows.decision_counts())
    for tag in ("latest", "v0.9.0-rc.1"):
        await running.push("app", tag)
        await running.poll()
        await running.make_due_and_wake()
    await running.quiet()
    assert len(await running.rows.decision_counts()) == before
    assert (await running.hold("app"))[1].endswith(
        "v1.1.0-rc.1 is newer by its numbers and no release (pre-release rc.1)"
    )
    running.registry.delete_tag("team/app", "v1.1.0-rc.1")
    await running.poll()

    async def taken_back() -> bool:
        return await running.hold("app") == ("up_to_date", "v1.0.0 runs")

    await running.until(taken_back, "it is no longer named")


async def test_without_a_release_its_tags_are_named(running: Line) -> None:
    for tag in ("latest", "main", "2026.02.0", "nightly"):
        await running.push("app", tag, notify=False)
    running.job("app", ":latest")
    await running.configure(running.watch("app"))
    message = await running.held("app", "no_matching_tag")
    assert message.startswith(
        "the registry has no release tag; its 4 tags are no releases: 2026.02.0 (leading zero), latest, main, …; "
    )


async def test_an_absent_repository_is_no_repository_without_releases(running: Line) -> None:
    running.job("app", ":latest")
    await running.configure(running.watch("app"))
    message = await running.held("app", "no_matching_tag")
    assert message.startswith(f"the registry has no repository {running.host}/team/app, or hides it; ")


async def test_the_bound_on_releases_without_a_manifest_is_said(running: Line) -> None:
    for minor in range(9):
        await running.push("app", f"v1.{minor}.0", notify=False)
        if minor > 1:
            _lose_manifest(running, f"v1.{minor}.0")
    running.job("app", ":v1.0.0")
    await running.configure(running.watch("app"))
    message = await running.held("app", "no_matching_tag")
    assert message.startswith(
        "the registry has no manifest for the 6 highest releases of its list: v1.8.0, v1.7.0, v1.6.0, …; "
        "the list is longer, and lower ones are not asked for; "
    )


async def test_a_higher_release_without_a_manifest_is_named(running: Line) -> None:
    await running.push("app", "v1.1.0", notify=False)
    _lose_manifest(running, "v1.1.0")
    await running.start()
    assert await running.hold("app") == (
        "up_to_date",
        "v1.0.0 runs; the registry has no manifest for v1.1.0, which is higher",
    )


def _lose_manifest(running: Line, tag: str) -> None:
    """The registry lists the tag, and answers 404 for its manifest, as after a garbage collection of a broken push."""
    found = running.registry.contents.repositories["team/app"]
    del found.manifests[found.tags[tag]]
