"""Any sequence of pushes, deletes, deploys, failures, toggles, drifts and restarts: why gives every tag exactly one
outcome, and it agrees with the ledgers of the registry and of Nomad."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from app.adapters.postgres.views.why import PostgresWhy
from app.domain.rule import Release, release
from app.domain.unreleased import classify
from app.domain.why.outcome import TagOutcome
from app.errors import RegistryWatcherError
from app.services.views.why import Explained, ExplainedTag, explain
from app.simulators.nomad import Fate
from tests.faults.sizes import moves
from tests.line import Line, line
from tests.line.world import World, world
from tests.servers.postgres import Databases

FAILING = ("v1.3.0", "v1.6.0")
TAGS = ("v1.1.0", "v1.2.0", *FAILING, "v1.4.0", "v1.5.0", "v0.9.0", "latest", "v1.07.0", "1.8.0")
NEVER = "v9.9.9"

Step = tuple[str, str]

_tags = st.sampled_from(TAGS)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["push", "push", "push silently", "move", "delete", "deploy", "drift"]), _tags),
        st.tuples(
            st.sampled_from(["follow", "off", "on", "pause", "resume", "restart", "wait", "release", "check"]),
            st.just(""),
        ),
    ),
    min_size=6,
    max_size=14,
)


class Restart(Exception):
    """Ends a line in the middle of its work, as the end of its processes does."""


@dataclass(kw_only=True)
class Story:
    """What the steps did that no ledger has."""

    digests: dict[str, str] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    """The tags of deliveries."""
    is_off: bool = False
    is_paused: bool = False
    has_drifted: bool = False


@settings(
    max_examples=moves(ci=25, long=200),
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(steps=STEPS)
def test_why_agrees_with_the_ledgers_of_registry_and_nomad(databases: Databases, steps: list[Step]) -> None:
    note(f"steps: {steps}")
    url = databases.fresh()
    try:
        with world() as outside:
            asyncio.run(_run(url, outside, steps))
    finally:
        databases.drop(url)


async def _run(url: str, outside: World, steps: list[Step]) -> None:
    story = Story()
    for tag in FAILING:
        outside.nomad.judge(tag, Fate.EXITS_NONZERO)
    digest = outside.registry.push("team/app", "v1.0.0", content="app v1.0.0")
    story.digests["v1.0.0"] = digest
    waiting = list(steps)
    is_first = True
    while is_first or waiting:
        with suppress(Restart):
            async with line(url, around=outside) as running:
                if is_first:
                    running.job("app", f":v1.0.0@{digest}")
                is_first = False
                await running.configure(running.watch("app"))
                while waiting:
                    action, tag = waiting.pop(0)
                    if action == "restart":
                        raise Restart
                    await _act(running, story, action, tag)
                await _settled(running)
                await _compare(running, story)


async def _act(running: Line, story: Story, action: str, tag: str) -> None:
    if action in ("push", "push silently", "move"):
        content = f"{tag} moved {len(story.digests)}" if action == "move" else ""
        is_named = action != "push silently"
        story.digests[tag] = await running.push("app", tag, content, notify=is_named)
        story.named |= {tag} if is_named else set()
    elif action == "delete":
        running.registry.delete_tag("team/app", tag)
    elif action in ("deploy", "follow"):
        with suppress(RegistryWatcherError):  # a tag that is not there
            await running.deploy("app", tag)
    elif action == "drift" and tag in story.digests and tag not in FAILING and release(tag) is not None:
        running.change_outside("app", f":{tag}@{story.digests[tag]}")
        story.has_drifted = True
    elif action in ("off", "on"):
        await running.switch("app", on=action == "on")
        story.is_off = action == "off"
    elif action in ("pause", "resume"):
        await running.pause(paused=action == "pause")
        story.is_paused = action == "pause"
    elif action == "release":
        with suppress(RegistryWatcherError):  # nothing is held
            await running.release("app")
    elif action == "check":
        await running.make_due_and_wake()
    elif action == "wait":
        await running.until(lambda: _is_idle(running), "it is idle")


async def _is_idle(running: Line) -> bool:
    return await running.rows.is_quiet_for_now() and await running.rows.have_all_ended()


async def _settled(running: Line) -> None:
    """Wait until two complete checks in a row decide the same, and nothing is under way."""
    before: tuple[str, str] | None = None

    async def is_settled() -> bool:
        nonlocal before
        await running.poll()
        await running.make_due_and_wake()
        await running.until(lambda: _is_idle(running), "it is idle")
        found = await running.hold("app")
        is_same, before = found == before and found[0] not in ("busy", "deploy"), found
        return is_same

    await running.until(is_settled, "two checks decide the same")


async def _compare(running: Line, story: Story) -> None:
    store = PostgresWhy(running.database)
    whole = await explain(store, "app")
    assert whole is not None
    listed = {each.facts.tag: each for each in whole.tags}
    assert story.named | set(_in_registry(running)) <= set(listed), "each tag that could be known is on record"
    for tag in (*story.digests, NEVER):
        one = await explain(store, "app", tag)
        assert one is not None
        (found,) = one.tags
        if tag in listed:
            assert (found.why, found.message) == (listed[tag].why, listed[tag].message)
        else:
            assert found.why.outcome is TagOutcome.NEVER_FOUND, f"{tag}: {found.why.outcome}"
        _agrees(running, story, whole, found)


def _agrees(running: Line, story: Story, whole: Explained, found: ExplainedTag) -> None:
    tag, outcome = found.facts.tag, found.why.outcome
    what = f"{tag}: {outcome}: {found.message}"
    now = _in_registry(running)
    runs = {digest for digests in running.nomad.running("app").values() for digest in digests.values()}
    registered = {entry_tag for _, entry_tag, _ in _ledger(running)}
    if outcome is TagOutcome.RUNNING:
        digest = now.get(tag, story.digests[tag])
        assert digest in runs or (tag, True) in {(name, each in runs) for _, name, each in _ledger(running)}, what
    elif tag in now and now[tag] in runs and outcome is not TagOutcome.FAILED:
        raise AssertionError(f"{what}, and its digest runs")
    match outcome:
        case TagOutcome.RUNNING:
            pass
        case TagOutcome.RAN:
            assert tag in registered, what
        case TagOutcome.FAILED:
            assert tag in FAILING, what
        case TagOutcome.HELD:
            assert tag == _desired(running, whole, now), what
            reason = found.hold.reason if found.hold else None
            expected = {"auto_deploy_off": story.is_off, "paused": story.is_paused, "drifted": story.has_drifted}
            assert expected.get(str(reason), True), what
        case TagOutcome.DELETED:
            assert tag in story.digests, what
            assert tag not in now, what
        case TagOutcome.NEVER_FOUND:
            assert tag not in now, what
        case TagOutcome.OTHER_PINNED:
            assert found.why.other == whole.watch.pinned_tag != tag, what
        case TagOutcome.NO_RELEASE:
            assert classify(tag, _with_v(running)) is not None, what
            assert not whole.watch.pinned_tag, what
        case TagOutcome.PASSED_OVER | TagOutcome.LOWER:
            mine, other = _release(tag), _release(found.why.other)
            assert other.version > mine.version, what
            assert not whole.watch.pinned_tag, what
        case TagOutcome.UNKNOWN:  # it was gone before any list had it, and a push may come before its image
            assert tag in story.named - set(now), what
            assert not found.facts.is_listed, what
            assert found.facts.listed_at is None, what
        case _:
            raise AssertionError(f"{what}, although nothing is under way")


def _ledger(running: Line) -> list[tuple[str, str, str]]:
    """(origin, tag, digest) of every registration of the job, by anybody."""
    found = []
    for entry in running.nomad.ledger.entries(job="app", origin=None):
        image = next(iter(entry.images.values()))
        name, _, digest = image.partition("@")
        found.append((entry.origin, name.rpartition(":")[2], digest))
    return found


def _in_registry(running: Line) -> dict[str, str]:
    """The tags that the registry has now, each with its digest."""
    found = {}
    for tag in (*TAGS, "v1.0.0"):
        changes = running.registry.history("team/app", tag)
        if changes and changes[-1].digest is not None:
            found[tag] = changes[-1].digest
    return found


def _with_v(running: Line) -> bool:
    """The spelling that counts: that of the job's tag; with v if that is no release."""
    (group,) = running.nomad.job("app")["TaskGroups"]
    named = release(group["Tasks"][0]["Config"]["image"].partition("@")[0].rpartition(":")[2])
    return named is None or named.with_v


def _desired(running: Line, whole: Explained, now: dict[str, str]) -> str:
    """What the rule desires, by the registry alone."""
    if whole.watch.pinned_tag:
        return whole.watch.pinned_tag
    releases = [found for tag in now if (found := release(tag)) is not None and found.with_v is _with_v(running)]
    return max(releases, key=lambda each: each.version).tag if releases else ""


def _release(tag: str) -> Release:
    found = release(tag)
    assert found is not None
    return found
