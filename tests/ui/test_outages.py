"""For each outage, the open pages, /readyz and the log of every process say it, and take it back, within seconds.

The real processes and a browser. One outage is one line in each log when it begins, one when it ends, and one banner.
"""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import pytest
from playwright.async_api import Browser, Page, expect

from app.simulators.registry.faults import Hang, RegistryFault
from tests.faults.sizes import is_long
from tests.machine_load import BUSY, Machine, machine
from tests.processes import until
from tests.servers.files import replace
from tests.ui.browsing import browsing
from tests.ui.outages import Outages, freeze, running, thaw

SOON = 5.0  # seconds on an idle machine
LATER = 10.0
HANGS = 20.0  # a registry has 15 s to answer
LASTS = 4.0  # how long an outage lasts after everybody said it

Step = Callable[[Outages], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageCase:
    """`begin` and `end` it. `part` is its name in the log, `says` what the pages say.

    With `stale` what the pages show is as of its begin. `unready` is whether /readyz is 503 then, and `kinds` are the
    processes whose /readyz says it. `causes` is how many outages it is.
    """

    name: str
    part: str
    says: str
    begin: Step
    end: Step
    stale: bool = False
    unready: bool = False
    kinds: tuple[str, ...] = ("web", "worker", "poller")
    within: float = SOON
    back_within: float = SOON
    causes: int = 1
    began: str = "outage.began"
    ended: str = "outage.ended"

    def __str__(self) -> str:
        return self.name


def _in_thread(action: Callable[[Outages], None]) -> Step:
    return lambda ours: asyncio.to_thread(action, ours)


def _lose(proxy: str) -> Step:
    """Everything that this proxy is sent is lost, and nothing is answered."""

    async def lose(ours: Outages) -> None:
        getattr(ours, proxy).black_hole = True

    return lose


def _find(proxy: str) -> Step:
    """What went into the hole is lost: its connections are dead, as after a long partition."""

    async def find(ours: Outages) -> None:
        getattr(ours, proxy).black_hole = False
        getattr(ours, proxy).cut()

    return find


async def _hang_registry(ours: Outages) -> None:
    ours.registry.faults.add(RegistryFault(path=".*", action=Hang(), times=100_000))


async def _unhang_registry(ours: Outages) -> None:
    ours.registry.faults.clear()
    ours.to_registry.cut()


async def _break_configuration(ours: Outages) -> None:
    replace(ours.site.config, "# " + ours.site.config.read_text().replace("\n", "\n# ") + "\nbroken =")


async def _mend_configuration(ours: Outages) -> None:
    broken = ours.site.config.read_text().rpartition("\n")[0]
    replace(ours.site.config, broken.removeprefix("# ").replace("\n# ", "\n"))


async def _unplug_both(ours: Outages) -> None:
    await ours.to_registry.unplug()
    await ours.to_nomad.unplug()


async def _plug_both(ours: Outages) -> None:
    await ours.to_registry.plug()
    await ours.to_nomad.plug()


# One of each part, that part being silent where it can be: the others wait as long, and take the same ways.
_IN_CI = ("postgres-frozen", "redis-frozen", "configuration-broken", "registry-hanging", "nomad-refused")
CASES = (
    OutageCase(
        name="postgres-stopped", part="Postgres", says="Postgres does not answer", stale=True, unready=True,
        begin=_in_thread(lambda ours: ours.postgres.kill()), end=_in_thread(lambda ours: ours.postgres.start()),
    ),
    OutageCase(
        name="postgres-frozen", part="Postgres", says="Postgres does not answer", stale=True, unready=True,
        begin=_in_thread(lambda ours: freeze(ours.postgres, whole=True)),
        end=_in_thread(lambda ours: thaw(ours.postgres)),
    ),
    OutageCase(
        name="postgres-main-process-frozen", part="Postgres", says="Postgres does not answer", stale=True, unready=True,
        begin=_in_thread(lambda ours: freeze(ours.postgres)), end=_in_thread(lambda ours: thaw(ours.postgres)),
    ),
    OutageCase(
        name="postgres-behind-a-black-hole", part="Postgres", says="Postgres does not answer", stale=True, unready=True,
        begin=_lose("to_postgres"), end=_find("to_postgres"),
    ),
    OutageCase(
        name="redis-gone", part="Redis", says="Redis does not answer",
        begin=_in_thread(lambda ours: ours.valkey.kill()), end=_in_thread(lambda ours: ours.valkey.start()),
    ),
    OutageCase(
        name="redis-frozen", part="Redis", says="Redis (does not answer|accepts no messages)",
        begin=_in_thread(lambda ours: freeze(ours.valkey)), end=_in_thread(lambda ours: thaw(ours.valkey)),
    ),
    OutageCase(
        name="configuration-broken", part="configuration", says="is not TOML", kinds=("web",),
        began="config.reload_failed", ended="config.reloaded", begin=_break_configuration, end=_mend_configuration,
    ),
    OutageCase(
        name="registry-refused", part="registry main", says="registry main: it cannot be reached", kinds=("web",),
        within=LATER, back_within=LATER,
        begin=lambda ours: ours.to_registry.unplug(), end=lambda ours: ours.to_registry.plug(),
    ),
    OutageCase(
        name="registry-hanging", part="registry main", says="registry main: it did not answer in time", kinds=("web",),
        within=HANGS, back_within=LATER, begin=_hang_registry, end=_unhang_registry,
    ),
    OutageCase(
        name="nomad-refused", part="Nomad", says="Nomad at .* cannot be reached", kinds=("web",),
        within=LATER, back_within=LATER,
        begin=lambda ours: ours.to_nomad.unplug(), end=lambda ours: ours.to_nomad.plug(),
    ),
    OutageCase(
        name="nomad-hanging", part="Nomad", says="Nomad .*", kinds=("web",),
        within=LATER, back_within=LATER, begin=_lose("to_nomad"), end=_find("to_nomad"),
    ),
    OutageCase(
        name="nomad-and-registry-refused", part="Nomad", says="Nomad at .* cannot be reached", kinds=("web",),
        within=LATER, back_within=LATER, causes=2, begin=_unplug_both, end=_plug_both,
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
async def ours() -> AsyncIterator[Outages]:
    async with running() as made:
        yield made


@pytest.fixture
def pace() -> Iterator[Machine]:
    with machine() as made:
        yield made


@pytest.fixture
async def pages(chromium: Browser, ours: Outages) -> AsyncIterator[tuple[Page, Page]]:
    """The list and the page of one watch, open and live."""
    await ours.all_ready(within=60)
    async with browsing(chromium, ours.url) as browser:
        browser.expect_cuts()
        browser.expect(r"^console error: Failed to load resource: .* 503")
        listed, watch = browser.page, await browser.context.new_page()
        await listed.goto("/")
        await watch.goto("/repos/app")
        for each in (listed, watch):
            await expect(each.locator("#live")).to_have_text("Live")
            await expect(each.get_by_role("heading", name="Outages")).to_have_count(0)
        yield listed, watch


@pytest.mark.parametrize("case", [each for each in CASES if is_long() or each.name in _IN_CI], ids=str)
async def test_everybody_says_it_and_takes_it_back(
    ours: Outages, pages: tuple[Page, Page], pace: Machine, case: OutageCase
) -> None:
    marks, started = ours.marks(), time.monotonic()
    try:
        await case.begin(ours)
        async with asyncio.TaskGroup() as all_at_once:
            for page in pages:
                all_at_once.create_task(_page_says(page, case, case.within * pace.stretch))
            for process in ours.processes:
                all_at_once.create_task(_process_says(ours, process.name, marks, case, case.within * pace.stretch))
        print(f"{case}: said after {time.monotonic() - started:.1f} s, stretch {pace.stretch:.1f}")
        await asyncio.sleep(LASTS)  # a repetition would come now
        for page in pages:
            assert await _banners(page) == case.causes
    finally:
        await case.end(ours)
    back = time.monotonic()
    async with asyncio.TaskGroup() as all_at_once:
        for page in pages:
            all_at_once.create_task(_page_takes_back(page, case.back_within * pace.stretch))
        all_at_once.create_task(ours.all_ready(within=case.back_within * pace.stretch))
        for process in ours.processes:
            ended = partial(_has, ours, process.name, marks, case.ended)
            all_at_once.create_task(
                until(ended, f"{process.name} logs the end", within=case.back_within * pace.stretch)
            )
    took = time.monotonic() - back
    print(f"{case}: taken back after {took:.1f} s, stretch {pace.stretch:.1f}")
    await asyncio.sleep(LASTS)
    for process in ours.processes:
        lines = ours.lines(process.name, marks)
        # A sweep ends sessions that were frozen in a transaction for long, as on a busy machine: that is another event.
        loud = [event for event in ours.loud(process.name, marks) if event != "sessions.ended"]
        again = len(loud) // (2 * case.causes) if pace.stretch > BUSY else 1  # Postgres may be late again just after it
        assert loud == ([case.began] * case.causes + [case.ended] * case.causes) * again, lines
        assert all(line["seconds"] >= LASTS for line in lines if line["event"] == case.ended), lines


@pytest.mark.parametrize("how", ["frozen", "gone"])
async def test_a_web_process_that_is_frozen_or_gone_is_noticed(
    ours: Outages, pages: tuple[Page, Page], pace: Machine, how: str
) -> None:
    """Nobody but the page's own script can say it."""
    (web,) = (each for each in ours.processes if each.url)
    case = OutageCase(name=how, part="", says="The service does not answer", stale=True, begin=_no_step, end=_no_step)
    if how == "frozen":
        web.signal(signal.SIGSTOP)
    else:
        web.kill()
    await asyncio.gather(*(_page_says(page, case, SOON * pace.stretch) for page in pages))
    if how == "frozen":
        web.signal(signal.SIGCONT)
    else:
        ours.site.start("web", port=ours.site.port)
        ours.health = {**ours.health, ours.site.processes[-1].name: ours.url}
        await ours.site.ready()
    await asyncio.gather(*(_page_takes_back(page, SOON * pace.stretch) for page in pages))


async def _no_step(_ours: Outages) -> None:
    """The test itself does it."""


async def _page_says(page: Page, case: OutageCase, within: float) -> None:
    limit = within * 1000
    if not case.stale:
        banner = page.get_by_role("region", name="Outages")
        await expect(banner).to_contain_text(re.compile(case.says), timeout=limit)
        return
    banner = page.locator("#not-current")
    await expect(banner).to_contain_text(
        re.compile(rf"{case.says} since .*\d:\d\d.*; what you see is as of .*\d:\d\d"), timeout=limit
    )
    await expect(page.locator("#live")).to_have_text("Not live")
    pill = page.locator(".pill").first
    marked = await pill.evaluate("(pill) => getComputedStyle(pill, '::after').content")
    assert re.search(r"as of .*\d:\d\d", marked), marked
    assert await page.evaluate("getComputedStyle(document.querySelector('main')).filter") == "grayscale(1)"


async def _banners(page: Page) -> int:
    """The number of outages that the page names."""
    listed = await page.get_by_role("region", name="Outages").get_by_role("listitem").count()
    return listed + await page.locator("#not-current:visible").count()


async def _page_takes_back(page: Page, within: float) -> None:
    limit = within * 1000
    await expect(page.locator("#live")).to_have_text("Live", timeout=limit)
    await expect(page.locator("#not-current")).to_be_hidden(timeout=limit)
    await expect(page.get_by_role("region", name="Outages")).to_have_count(0, timeout=limit)
    await expect(page.locator("html")).not_to_have_class(re.compile("stale"), timeout=limit)


async def _process_says(ours: Outages, name: str, marks: Mapping[str, int], case: OutageCase, within: float) -> None:
    async def says() -> bool:
        if not _has(ours, name, marks, case.began, part=case.part):
            return False
        if name.partition("-")[0] not in case.kinds:
            return True
        status, text = await ours.readyz(name)
        return status == (503 if case.unready else 200) and re.search(case.says, text) is not None

    await until(says, lambda: f"{name} says {case}: {ours.lines(name, marks)}", within=within)


def _has(ours: Outages, name: str, marks: Mapping[str, int], event: str, *, part: str = "") -> bool:
    return any(
        line["event"] == event and (not part or line.get("part", part) == part) for line in ours.lines(name, marks)
    )
