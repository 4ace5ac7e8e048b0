"""Rules for every page in every state: no finding of axe-core, light and dark; no sideways scrolling on a phone;
hostile text is only text."""

import re
from urllib.parse import quote

from playwright.async_api import Page, ViewportSize, expect

from tests.faults.sizes import is_long
from tests.ui.axe import COLORS, violations
from tests.ui.browsing import DESKTOP, PHONE, Browsing
from tests.ui.conftest import Browse
from tests.ui.controls import open_confirmation, pick, switch, toast
from tests.ui.installation import Installation
from tests.ui.scene import HTML, LONG, LONG_TAG, RTL

WATCHES = (
    "shop", "pinned", "moving", "canary", "broken", "rolled", "by-hand", "jobless", "tagless", "unreachable",
    "looking", HTML, RTL, LONG,
)  # fmt: skip
NARROW = (PHONE, ViewportSize(width=768, height=1024), DESKTOP)
"""The widths of a phone, a tablet and a desk."""

_WIDTH = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"


async def every_page(scene: Installation) -> list[str]:
    """Each page, in each state that changes how it looks."""
    names = [quote(name, safe="") for name in WATCHES]
    rollouts = {
        name: (await scene.rollouts(name))[0]["rollout_id"] for name in ("shop", "broken", "moving", "canary", HTML)
    }
    rows = await scene.fetch("SELECT DISTINCT ON (oddities <> '[]', duplicates, ignored) delivery_id FROM deliveries")
    return [
        "/", "/?q=v1.0.0&state=failed&text=o", "/?q=nobody-has-this", "/activity", "/activity?kind=command",
        "/activity?repo=nobody", "/deliveries", "/deliveries?became=quarantined",
        *(f"/repos/{name}" for name in names),
        *(f"/repos/{name}/why" for name in names),
        "/repos/shop/why?tag=v1.0.0", "/repos/shop/why?tag=nobody-has-this", f"/repos/{names[-1]}/why?tag={LONG_TAG}",
        *(f"/rollouts/{each}" for each in rollouts.values()),
        *(f"/deliveries/{row['delivery_id']}" for row in rows),
        "/confirm/deploy/shop", "/confirm/deploy/shop?tag=v1.9.0", "/confirm/reset/pinned", "/confirm/switch-off/shop",
        "/confirm/switch-on/switched-off", "/confirm/release/broken", "/confirm/pause", "/confirm/resume",
        f"/confirm/promote/{rollouts['canary']}", f"/confirm/fail/{rollouts['canary']}",
        f"/confirm/rollback/{rollouts['shop']}",
        f"/confirm/deploy/{names[-1]}", f"/confirm/deploy/{names[-3]}", "/repos/nobody", f"/rollouts/{'0' * 8}",
    ]  # fmt: skip


async def test_axe_finds_nothing_and_nothing_is_too_wide(scene: Installation, browser: Browsing) -> None:
    """Light at a desk; dark, in CI one page of each kind, since the list shows the colours of every state; and the
    widths of a phone and between."""
    browser.expect("status of 404")
    page, wrong = browser.page, []
    dark: set[str] = set()
    for path in await every_page(scene):
        await page.set_viewport_size(DESKTOP)
        await page.emulate_media(color_scheme="light")
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status in (200, 404), f"{path}: {answer.status}"
        wrong += [f"{path} light: {each}" for each in await violations(page)]
        if is_long() or _kind(path) not in dark:
            dark.add(_kind(path))
            await page.emulate_media(color_scheme="dark")  # which changes nothing but colours
            wrong += [f"{path} dark: {each}" for each in await violations(page, rules=COLORS)]
        for size in NARROW:
            await page.set_viewport_size(size)
            needed, there = await page.evaluate(_WIDTH)
            if needed > there:
                wrong.append(f"{path} is {needed} px wide where there are {there}: {await _widest(page)}")
    assert not wrong, "\n".join(wrong)


async def test_axe_finds_nothing_in_dialogs_and_toasts(scene: Installation, page: Page, app: str) -> None:
    """Dialogs, toasts and refusals, which have no address; light and dark, at a desk and on a phone."""
    wrong: list[str] = []

    async def look(what: str) -> None:
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            wrong.extend(f"{what} {scheme}: {each}" for each in await violations(page))

    for size in (DESKTOP, PHONE):
        await page.set_viewport_size(size)
        await page.goto("/")
        button = await pick(page, app, "v1.0.0")
        await look("deploy")
        needed, there = await page.evaluate(_WIDTH)
        assert needed <= there
        await page.get_by_role("dialog").get_by_role("link", name="Cancel").click()
        assert await button.count() == 0
        opened = await open_confirmation(page, "Pause everything…", "Pause everything")
        await look("pause")
        await opened.get_by_role("link", name="Cancel").click()
    await page.get_by_role("button", name=re.compile(f": {app}$")).click()
    await expect(toast(page, re.compile(app))).to_be_visible()
    await look("toast")
    assert not wrong, "\n".join(wrong)


async def test_axe_finds_a_planted_fault(page: Page) -> None:
    """A check that never fails would look like a page without a fault."""
    await page.goto("/")
    await page.evaluate("document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=\"/static/icon.svg\">')")
    assert [each for each in await violations(page) if each.startswith("image-alt")]


async def test_a_phone_is_enough(scene: Installation, browse: Browse, app: str) -> None:
    """Every action by touch, in a window of 390 by 844."""
    async with browse(viewport=PHONE, has_touch=True, is_mobile=True) as browser:
        page = browser.page
        await page.goto("/")
        for name in ("Repositories", "Activity", "Deliveries"):
            await expect(
                page.get_by_role("navigation", name="Pages").get_by_role("link", name=name)
            ).to_be_in_viewport()
        await expect(page.get_by_role("link", name="Pause everything…")).to_be_in_viewport()
        button = await pick(page, app, "v1.0.0")
        await button.scroll_into_view_if_needed()
        await expect(button).to_be_in_viewport(ratio=0.99)  # its edge may lie within a pixel
        await button.tap()
        await scene.registers(app, ["v1.0.0"])
        await scene.holds(app, "up_to_date")  # what is shown changes no more
        await page.get_by_role("link", name=app, exact=True).tap()
        await expect(page.get_by_text("v1.0.0 runs").first).to_be_visible()
        for name in ("Deploy a tag…", "Redeploy v1.0.0…", "Reset…"):
            link = page.get_by_role("link", name=name)
            await link.tap(trial=True)
            await expect(link).to_be_in_viewport(ratio=1)
            box = await link.bounding_box()
            assert box is not None
            assert box["height"] >= 24, f"{name} is {box['height']} px high: a finger needs 24"
        await switch(page, app, on=True).tap()
        await page.get_by_role("button", name="Switch off").tap()
        await expect(switch(page, app, on=False)).to_be_visible()


async def test_hostile_names_tags_and_reasons_are_only_text(scene: Installation, browser: Browsing) -> None:
    page = browser.page
    said: list[str] = []
    page.on("dialog", lambda dialog: said.append(dialog.message))
    for path in (
        "/", "/activity", f"/repos/{quote(HTML, safe='')}", f"/repos/{quote(RTL, safe='')}", "/deliveries",
        f"/repos/{quote(LONG, safe='')}", f"/confirm/deploy/{quote(HTML, safe='')}", "/repos/broken",
        f"/repos/{quote(HTML, safe='')}/why", f"/repos/{quote(RTL, safe='')}/why",
    ):  # fmt: skip
        await page.goto(path)
        assert await page.locator("img:not([src^='/static/']), script:not([src]), body [onerror]").count() == 0
        text = await page.inner_text("body")
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f]", text), f"{path} turns text around"
    await page.goto("/")
    await page.get_by_role("link", name=HTML, exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(HTML)
    await expect(page.get_by_text(f"manifest unknown: {HTML}").first).to_be_visible()
    opened = await open_confirmation(page, "Reset…", f"Reset {HTML}")
    await opened.get_by_role("link", name="Cancel").click()
    assert said == []


async def test_hostile_names_can_be_acted_on(scene: Installation, page: Page) -> None:
    for name in (HTML, LONG, RTL):
        await page.goto(f"/repos/{quote(name, safe='')}")
        await page.get_by_role("link", name="Deploy a tag…").click()
        opened = page.get_by_role("dialog")
        await opened.get_by_role("radio", name="v1.0.0").check()
        button = opened.get_by_role("button", name=re.compile(r"^(Dep|Redep)loy v1\.0\.0$"))
        before = scene.registered(name)
        await button.click()
        await expect(opened).to_be_hidden()
        await scene.registers(name, [*before, "v1.0.0"])


async def test_a_long_tag_is_whole_where_it_is_chosen(page: Page) -> None:
    await page.goto("/confirm/deploy/shop")
    await expect(page.get_by_role("radio", name=LONG_TAG)).to_be_visible()


def _kind(path: str) -> str:
    """What the pages of one template have in common."""
    first, *rest = path.partition("?")[0].strip("/").split("/")
    return f"{first} {rest[0] if first == 'confirm' else rest[1:]}"


async def _widest(page: Page) -> str:
    """The widest element."""
    found: str = await page.evaluate("""() => {
      const all = [...document.body.querySelectorAll("*")].map((it) => [it.getBoundingClientRect().right, it]);
      const [right, it] = all.sort((one, other) => other[0] - one[0])[0];
      return `${it.outerHTML.slice(0, 160)} ends at ${right}`;
    }""")
    return found
