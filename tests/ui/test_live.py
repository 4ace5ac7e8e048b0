"""A page shows a change within a second, without a reload; and a page that is not current says so."""

import asyncio
import re
import statistics
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, Response, Route, expect

from app.simulators.nomad import Timing
from tests.machine_load import machine
from tests.servers.toxic import ToxicProxy
from tests.ui.conftest import Browse
from tests.ui.controls import check_now, confirm, pick, row, search, seen, toast
from tests.ui.installation import Installation


@pytest.fixture
async def proxy(scene: Installation) -> AsyncIterator[ToxicProxy]:
    async with ToxicProxy(scene.url) as made:
        yield made


async def test_a_row_changes_within_a_second(scene: Installation, page: Page, app: str) -> None:
    """From the row in Postgres to the row on the page; the median of five, since this machine does other work too."""
    await page.goto("/")
    await expect(page.locator("#live")).to_have_text("Live")
    await page.evaluate("window.kept = true")
    took = []
    with machine() as pace:
        for number in range(2, 7):
            tag = f"v1.{number}.0"
            seen = await _watching(page, app, f"{tag} runs", scene, tag)
            (fact,) = await scene.fetch(
                "SELECT first_at FROM decisions JOIN watches USING (decision_id) WHERE name = $1 AND message = $2",
                app, f"{tag} runs",
            )  # fmt: skip
            happened: datetime = fact["first_at"]
            took.append(seen - happened.timestamp())
        stretch = pace.stretch
    assert statistics.median(took) <= 1 * stretch, (took, stretch)
    assert await page.evaluate("window.kept"), "the page was not loaded again"


async def test_health_moves_as_allocations_do(scene: Installation, page: Page, app: str) -> None:
    nomad = scene.site.nomad
    nomad.set_timing(Timing(healthy=300, healthy_deadline=3000, progress_deadline=3000))
    try:
        await scene.push(app, "v1.2.0")
        await scene.registers(app, ["v1.2.0"])
    finally:
        nomad.set_timing(Timing())
    await page.goto("/")
    await expect(row(page, app).get_by_text("Deploying 0/1 healthy")).to_be_visible()
    nomad.skip(300)
    await expect(row(page, app).get_by_text("v1.2.0 runs")).to_be_visible()


async def test_an_answer_after_a_change_of_its_row_is_shown(scene: Installation, page: Page, app: str) -> None:
    """The row is fetched again between the click and its answer; htmx notifies only elements that still exist."""
    await page.goto("/")
    await expect(page.locator("#live")).to_have_text("Live")
    answer = asyncio.Event()

    async def hold(route: Route) -> None:
        await answer.wait()
        await route.continue_()

    await page.route(f"**/confirm/check/{app}", hold)
    async with page.expect_request(f"**/confirm/check/{app}"):
        await check_now(page, app).click()
    await _fetched(page, scene, app, "v1.2.0")
    answer.set()
    await expect(toast(page, re.compile(app))).to_be_visible()
    await expect(row(page, app).get_by_text("v1.2.0 runs")).to_be_visible()
    await expect(check_now(page, app)).to_be_enabled()


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
async def test_a_pressed_button_is_not_replaced(scene: Installation, page: Page, app: str, by: str) -> None:
    """The row changes between press and release: a click on a removed button would be lost."""
    await page.goto("/")
    await expect(page.locator("#live")).to_have_text("Live")
    await check_now(page, app).hover()
    await check_now(page, app).focus()
    await (page.mouse.down() if by == "mouse" else page.keyboard.down("Space"))
    await _fetched(page, scene, app, "v1.2.0")
    await (page.mouse.up() if by == "mouse" else page.keyboard.up("Space"))
    await expect(toast(page, re.compile(app))).to_be_visible()
    await expect(row(page, app).get_by_text("v1.2.0 runs")).to_be_visible()


@pytest.mark.parametrize(("became", "message"), [
    ("done", "Deploying to v1.0.0"),
    ("refused", "pinned_tag v9.9.9 is not inside"),
    ("lost", "The service does not respond"),
])  # fmt: skip
async def test_a_person_who_closed_the_dialog_sees_the_result(
    browse: Browse, app: str, became: str, message: str
) -> None:
    async with browse() as browser:
        browser.expect_cuts()
        browser.expect(r"^console error: Failed to load resource: .* 4\d\d|Response Status Error Code 4\d\d")
        page = browser.page
        closed = asyncio.Event()

        async def answer(route: Route) -> None:
            if route.request.method == "POST":
                await closed.wait()
            if route.request.method == "POST" and became == "lost":
                await route.abort()
            elif route.request.method == "POST" and became == "refused":
                await route.continue_(post_data=(route.request.post_data or "").replace("v1.0.0", "v9.9.9"))
            else:
                await route.continue_()

        await page.route(f"**/confirm/deploy/{app}", answer)
        await page.goto("/")
        button = await pick(page, app, "v1.0.0")
        async with page.expect_request(lambda request: request.method == "POST"):
            await button.click()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        closed.set()
        await expect(toast(page, re.compile(re.escape(message)))).to_be_visible()


async def test_two_people_see_the_same_and_one_command_counts(
    scene: Installation, page: Page, browse: Browse, app: str
) -> None:
    async with browse() as other:
        for each in (page, other.page):
            await each.goto(f"/repos/{app}")
            await expect(each.locator("#live")).to_have_text("Live")
        await page.get_by_role("link", name="Reset…").click()
        await confirm(other.page, "Redeploy v1.1.0…", f"Deploy {app}", "Redeploy v1.1.0")
        rollouts = page.get_by_role("region", name="Rollouts", include_hidden=True)
        await expect(rollouts.get_by_role("listitem", include_hidden=True)).to_have_count(1)
        await expect(rollouts.get_by_text("Succeeded")).to_have_count(1)  # a reset would join one under way, unnoted
        await page.get_by_role("dialog", name=f"Reset {app}").get_by_role("button", name="Reset", exact=True).click()
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await scene.registers(app, ["v1.1.0"])
        for each in (page, other.page):
            timeline = each.get_by_role("region", name="Timeline").get_by_role("listitem")
            await expect(timeline.filter(has_text=re.compile("reset", re.IGNORECASE)).first).to_be_visible()


async def test_a_disconnected_page_says_so_and_catches_up(
    scene: Installation, browse: Browse, proxy: ToxicProxy, app: str
) -> None:
    async with browse(proxy.url) as browser:
        browser.expect_cuts()
        page = browser.page
        await page.goto("/")
        await expect(page.locator("#live")).to_have_text("Live")
        proxy.refuse = True
        proxy.cut()
        await expect(page.locator("#live")).to_have_text(re.compile("^Not live"))
        await scene.push(app, "v1.2.0")
        await scene.registers(app, ["v1.2.0"])
        await scene.holds(app, "up_to_date")
        await expect(row(page, app).get_by_text("v1.1.0 runs")).to_be_visible()
        proxy.refuse = False
        await expect(page.locator("#live")).to_have_text("Live")
        await expect(row(page, app).get_by_text("v1.2.0 runs")).to_be_visible()


async def test_a_silent_service_is_shown_as_not_live(browse: Browse, proxy: ToxicProxy) -> None:
    """A dead connection that nobody closed: the browser itself would wait forever. Its clock is put forward."""
    async with browse(proxy.url, service_workers="block") as browser:
        browser.expect_cuts()
        await browser.context.clock.install()
        await browser.context.add_init_script("delete globalThis.SharedWorker")  # its clock cannot be put forward
        page = browser.page
        await page.goto("/")
        await expect(page.locator("#live")).to_have_text("Live")
        proxy.black_hole = True
        await browser.context.clock.fast_forward(60_000)
        await expect(page.locator("#live")).to_have_text(re.compile("^Not live"))
        proxy.black_hole = False
        proxy.cut()
        await browser.context.clock.fast_forward(60_000)
        await expect(page.locator("#live")).to_have_text("Live")


async def test_a_refused_stream_says_why(browse: Browse, proxy: ToxicProxy) -> None:
    """The service answers, with no room for a further stream: its own words, and it is live again once there is."""
    async with browse(proxy.url, service_workers="block") as browser:
        browser.expect_cuts()
        browser.expect(r"^console error: Failed to load resource: .* 503")
        await browser.context.add_init_script("delete globalThis.SharedWorker")  # its requests cannot be intercepted
        page = browser.page
        await page.goto("/")
        await expect(page.locator("#live")).to_have_text("Live")
        await page.route("**/live", partial(Route.fulfill, status=503, json={"message": "too many live pages: wait"}))
        proxy.cut()
        banner = page.locator("#not-current")
        await expect(banner).to_contain_text(
            re.compile(r"^\s*too many live pages since .*; what you see .*\. wait\s*$")
        )
        await page.unroute("**/live")
        await expect(page.locator("#live")).to_have_text("Live")
        await expect(banner).to_be_hidden()


async def test_all_tabs_share_one_stream(scene: Installation, browse: Browse, proxy: ToxicProxy, app: str) -> None:
    """Browsers keep six connections to a server: with a stream per tab, the seventh tab would get none."""
    async with browse(proxy.url) as browser:
        tabs = [browser.page, *[await browser.context.new_page() for _ in range(7)]]
        for tab in tabs:
            await tab.goto("/")
            await expect(tab.locator("#live")).to_have_text("Live")
        await scene.push(app, "v1.2.0")
        for tab in tabs:
            await expect(row(tab, app).get_by_text("v1.2.0 runs")).to_be_visible()
        assert sum(chunk.startswith(b"GET /live ") for chunk in proxy.heard) == 1


async def test_the_focus_and_typed_text_stay(scene: Installation, page: Page, app: str) -> None:
    await page.goto("/")
    link = page.get_by_role("link", name=f"Deploy… {app}", exact=True)
    await link.focus()
    await scene.push(app, "v1.2.0")
    await expect(row(page, app).get_by_text("v1.2.0 runs")).to_be_visible()
    await expect(link).to_be_focused()
    button = check_now(page, app)
    await button.focus()
    await scene.push(app, "v1.3.0")
    await expect(row(page, app).get_by_text("v1.3.0 runs")).to_be_visible()
    await expect(button).to_be_focused()
    await search(page).fill(app)
    await expect(page.get_by_role("rowheader")).to_have_count(1)
    await scene.push(app, "v1.4.0")
    await expect(row(page, app).get_by_text("v1.4.0 runs")).to_be_visible()
    await expect(search(page)).to_be_focused()
    await expect(search(page)).to_have_value(app)


async def test_updates_shift_no_layout(scene: Installation, page: Page, app: str) -> None:
    """Google's measure of layout shift: from 0.1 on, people notice it."""
    await page.goto("/")
    await page.evaluate("""() => {
      window.shift = 0;
      new PerformanceObserver((list) => list.getEntries().forEach((each) => { window.shift += each.value; }))
        .observe({ type: "layout-shift", buffered: true });
    }""")
    await expect(page.locator("#live")).to_have_text("Live")
    await row(page, app).scroll_into_view_if_needed()
    await scene.push(app, "v1.2.0")
    await expect(row(page, app).get_by_text("v1.2.0 runs")).to_be_visible()
    await page.get_by_role("link", name=f"Deploy… {app}", exact=True).click()
    await expect(page.get_by_role("dialog").get_by_role("button", name="Redeploy v1.2.0")).to_be_enabled()
    assert await page.evaluate("window.shift") < 0.1


async def test_going_back_shows_the_current_state(scene: Installation, page: Page, app: str) -> None:
    await page.goto("/")
    await page.goto("/activity")
    await scene.push(app, "v1.2.0")
    await scene.holds(app, "up_to_date")
    await scene.registers(app, ["v1.2.0"])
    await page.go_back()
    await expect(row(page, app).get_by_text("v1.2.0 runs")).to_be_visible()


@pytest.mark.parametrize("late", ["feed.js", "page.js"])
async def test_a_change_while_the_page_loads_is_not_lost(scene: Installation, page: Page, app: str, late: str) -> None:
    """The page was rendered before the change, and one of its scripts arrives after it."""
    changed = asyncio.Event()

    async def hold(route: Route) -> None:
        await changed.wait()
        await route.continue_()

    await page.route(f"**/{late}*", hold)
    await page.goto("/", wait_until="commit")
    await expect(row(page, app).get_by_text("v1.1.0 runs")).to_be_visible()
    await scene.push(app, "v1.2.0")
    await scene.registers(app, ["v1.2.0"])
    await scene.holds(app, "up_to_date")
    changed.set()
    await expect(page.locator("#live")).to_have_text("Live")
    await expect(row(page, app).get_by_text("v1.2.0 runs")).to_be_visible()


async def _watching(page: Page, app: str, message: str, scene: Installation, tag: str) -> float:
    """Push; returns the Unix time at which the page showed the words."""
    watching = asyncio.create_task(seen(page, app, message))
    await scene.push(app, tag)
    return await watching


async def _fetched(page: Page, scene: Installation, app: str, tag: str) -> None:
    """Push; returns when the page has fetched the row with it, shown or not."""
    responses: asyncio.Queue[Response] = asyncio.Queue()
    its_row = re.compile(rf'data-watch="{app}"(?:(?!data-watch).)*{re.escape(tag)} runs', re.DOTALL)
    page.on("response", responses.put_nowait)
    await scene.push(app, tag)
    async with asyncio.timeout(60):
        while True:
            response = await responses.get()
            if urlsplit(response.url).path == "/" and its_row.search(await response.text()):
                break
    page.remove_listener("response", responses.put_nowait)
