"""Deploying on the page: any tag, a redeploy, a reset, the switch, and a check now."""

import re

from playwright.async_api import Page, Route, expect

from tests.ui.browsing import Browsing
from tests.ui.conftest import Browse
from tests.ui.controls import check_now, confirm, dialog, open_confirmation, pick, row, search, switch, toast
from tests.ui.installation import Installation
from tests.ui.scene import COMMIT, LONG_TAG


async def test_a_tag_is_found_by_typing_and_deployed(scene: Installation, page: Page, app: str) -> None:
    await page.goto("/")
    button = await pick(page, app, "v1.0.0")
    opened = dialog(page, f"Deploy {app}")
    await expect(button).to_have_text("Deploy v1.0.0")
    await expect(opened.get_by_text(re.compile(r"sha256:[0-9a-f]{64}$")).first).to_be_visible()
    await expect(opened.get_by_text("First found")).to_be_visible()
    await expect(opened.get_by_text(f"team/{app}:v1.1.0")).to_be_visible()
    await button.click()
    await expect(opened).to_be_hidden()
    await expect(toast(page, re.compile("v1.0.0"))).to_be_visible()
    await scene.registers(app, ["v1.0.0"])
    await expect(row(page, app).get_by_text("pinned to v1.0.0")).to_be_visible()
    assert await scene.pinned(app) == "v1.0.0"


async def test_tags_come_in_order_and_the_label_follows_the_choice(page: Page) -> None:
    await page.goto("/")
    opened = await open_confirmation(page, "Deploy… shop", "Deploy shop")
    tags = opened.get_by_role("radio")
    await expect(tags.first).to_be_visible()
    values = await tags.evaluate_all("(found) => found.map((each) => each.value)")
    assert values[:6] == ["v1.12.0", "v1.11.0", "v1.10.0", "v1.9.0", "v1.2.0", "v0.9.0"]
    assert values[-1] == f"main-{COMMIT}"
    assert set(values[6:-1]) == {"feature-x", "latest", "nightly", LONG_TAG}
    await expect(opened.get_by_role("button", name="Redeploy v1.12.0", exact=True)).to_be_enabled()
    await opened.get_by_role("radio", name="v1.9.0").check()
    await expect(opened.get_by_role("button", name="Deploy v1.9.0", exact=True)).to_be_enabled()
    await opened.get_by_role("searchbox", name="Find a tag").fill("night")
    await expect(tags).to_have_count(1)
    await opened.get_by_role("link", name="Cancel").click()
    await expect(opened).to_be_hidden()


async def test_a_redeploy_does_not_pin_a_watch_that_follows(scene: Installation, page: Page, app: str) -> None:
    await page.goto(f"/repos/{app}")
    await confirm(page, "Redeploy v1.1.0…", f"Deploy {app}", "Redeploy v1.1.0")
    await scene.registers(app, ["v1.1.0"])
    await scene.holds(app, "up_to_date")
    assert await scene.pinned(app) == ""
    await expect(page.get_by_text("follows releases", exact=True)).to_be_visible()


async def test_reset_follows_releases_and_switches_on(scene: Installation, page: Page, app: str) -> None:
    await scene.command(app, pinned_tag="v1.0.0", auto_deploy=False)
    await scene.holds(app, "up_to_date")
    await page.goto(f"/repos/{app}")
    await confirm(page, "Reset…", f"Reset {app}", "Reset")
    await scene.registers(app, ["v1.0.0", "v1.1.0"])
    assert await scene.pinned(app) == ""
    await expect(switch(page, app, on=True)).to_be_visible()


async def test_the_switch_holds_and_resumes_deploys(scene: Installation, page: Page, app: str) -> None:
    await page.goto("/")
    await confirm(page, switch(page, app, on=True), f"Switch auto deploy of {app} off", "Switch off")
    await expect(switch(page, app, on=False)).to_be_visible()
    await scene.push(app, "v1.2.0")
    held = re.compile("auto deploy is off, switched off since .*; v1.2.0")
    await expect(row(page, app).get_by_text(held)).to_be_visible()
    opened = await open_confirmation(page, switch(page, app, on=False), f"Switch auto deploy of {app} on")
    await expect(opened.get_by_text(re.compile("v1.2.0 is held"))).to_be_visible()
    await opened.get_by_role("button", name="Switch on").click()
    await scene.registers(app, ["v1.2.0"])
    await expect(row(page, app).get_by_text("v1.2.0 runs")).to_be_visible()


async def test_check_now_finds_a_push_without_a_webhook(scene: Installation, page: Page, app: str) -> None:
    await page.goto("/")
    scene.push_silently(app, "v1.3.0")
    await check_now(page, app).click()
    await expect(toast(page, re.compile(app))).to_be_visible()
    await scene.registers(app, ["v1.3.0"])
    await expect(row(page, app).get_by_text("v1.3.0 runs")).to_be_visible()


async def test_by_keyboard_alone(scene: Installation, page: Page, app: str) -> None:
    """From the list to the end: a person without a mouse, who sees the focus."""
    await page.goto("/")
    await page.keyboard.press("/")
    await expect(search(page)).to_be_focused()
    await page.keyboard.type(app)
    await expect(page.get_by_role("rowheader")).to_have_count(1)
    link = page.get_by_role("link", name=f"Deploy… {app}", exact=True)
    await _tab_to(page, f"Deploy… {app}")
    await page.keyboard.press("Enter")
    opened = dialog(page, f"Deploy {app}")
    await expect(opened).to_be_visible()
    await _tab_to(page, "Find a tag", back=True)
    await page.keyboard.type("v1.0")
    await expect(opened.get_by_role("radio")).to_have_count(1)
    await _tab_to(page, "v1.0.0")
    await page.keyboard.press("Space")
    button = opened.get_by_role("button", name="Deploy v1.0.0", exact=True)
    await expect(button).to_be_enabled()
    await _tab_to(page, "Deploy v1.0.0")
    await expect(button).to_be_focused()
    assert await button.evaluate("(it) => getComputedStyle(it).outlineStyle !== 'none'"), "the focus is seen"
    await page.keyboard.press("Enter")
    await expect(opened).to_be_hidden()
    await scene.registers(app, ["v1.0.0"])
    await expect(link).to_be_focused()


async def test_escape_closes_and_gives_the_focus_back(page: Page) -> None:
    await page.goto("/repos/shop")
    link = page.get_by_role("link", name="Reset…")
    await link.focus()
    await page.keyboard.press("Enter")
    opened = dialog(page, "Reset shop")
    await expect(opened).to_be_visible()
    inside = "document.querySelector('dialog').contains(document.activeElement)"
    assert await page.evaluate(inside)
    for _ in range(8):  # the focus cannot leave a modal dialog for the page
        await page.keyboard.press("Tab")
        assert await page.evaluate(f"document.activeElement === document.body || {inside}")
    await page.keyboard.press("Escape")
    await expect(opened).to_be_hidden()
    await expect(link).to_be_focused()


async def test_without_a_script(scene: Installation, browse: Browse, app: str) -> None:
    """Reading and deploying are links and forms."""
    async with browse(java_script_enabled=False) as browser:
        page = browser.page
        await page.goto("/")
        await search(page).fill(app)
        await page.get_by_role("button", name="Add filter").click()
        await expect(page.get_by_role("link", name=f"Remove filter {app}")).to_be_visible()
        await expect(page.get_by_role("rowheader")).to_have_count(1)
        await page.get_by_role("link", name=f"Deploy… {app}", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"Deploy {app}")
        await page.get_by_role("radio", name="v1.0.0").check()
        await page.get_by_role("button", name="Preview").click()
        await expect(page.get_by_text(f"team/{app}:v1.1.0").first).to_be_visible()
        await page.get_by_role("button", name="Deploy v1.0.0", exact=True).click()
        await expect(page.get_by_role("status").filter(has_text="v1.0.0")).to_be_visible()
        await scene.registers(app, ["v1.0.0"])
        await page.get_by_role("button", name="Check now").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(app)
        await page.get_by_role("link", name="Reset…").click()
        await page.get_by_role("button", name="Reset", exact=True).click()
        await scene.registers(app, ["v1.0.0", "v1.1.0"])


async def test_a_missing_tag_is_shown_beside_the_button(scene: Installation, browser: Browsing, app: str) -> None:
    page = browser.page
    await page.goto("/")
    button = await pick(page, app, "v1.0.0")
    scene.registry.delete_tag(f"team/{app}", "v1.0.0")
    browser.expect("status of 400")
    browser.expect("Response Status Error Code 400")
    await button.click()
    problem = page.get_by_role("alert").filter(has_text="v1.0.0 is not inside")
    await expect(problem).to_be_visible()
    above, below = await button.bounding_box(), await problem.bounding_box()
    assert above is not None
    assert below is not None
    assert abs(below["y"] - above["y"]) < 150, "it stands beside what caused it"
    await expect(button).to_be_enabled()
    assert scene.registered(app) == []


async def test_an_outage_of_our_service_is_shown_beside_the_button(
    scene: Installation, browser: Browsing, app: str
) -> None:
    page = browser.page
    await page.goto("/")
    button = await pick(page, app, "v1.0.0")
    browser.expect_cuts()
    await browser.context.set_offline(True)
    await button.click()
    await expect(page.get_by_role("alert").filter(has_text="does not respond")).to_be_visible()
    await browser.context.set_offline(False)
    await button.click()
    await scene.registers(app, ["v1.0.0"])


async def test_a_row_shows_the_outage_until_it_ends(scene: Installation, browser: Browsing, app: str) -> None:
    page = browser.page
    await page.goto("/")
    await expect(page.locator("#live")).to_have_text("Live")
    browser.expect_cuts()
    problem = row(page, app).get_by_role("alert").filter(has_text="does not respond")
    await browser.context.set_offline(True)
    await check_now(page, app).click()
    await expect(problem).to_be_visible()
    await browser.context.set_offline(False)
    await expect(page.locator("#live")).to_have_text("Live")
    await expect(problem).to_be_visible()
    await check_now(page, app).click()
    await expect(toast(page, re.compile(app))).to_be_visible()
    await expect(problem).to_be_hidden()


async def test_a_proxys_error_page_is_not_shown_as_text(browser: Browsing, app: str) -> None:
    page = browser.page
    await page.goto("/")
    button = await pick(page, app, "v1.0.0")
    browser.expect("status of 502")
    browser.expect("Response Status Error Code 502")

    async def gateway(route: Route) -> None:
        await route.fulfill(status=502, content_type="text/html", body="<html><h1>502 Bad Gateway</h1></html>")

    await page.route("**/confirm/deploy/**", gateway)
    await button.click()
    await expect(page.get_by_role("alert").filter(has_text="does not respond")).to_be_visible()
    await expect(page.get_by_text("Bad Gateway")).to_have_count(0)


async def test_the_server_executes_a_repeated_form_one_time(scene: Installation, page: Page, app: str) -> None:
    """A script, a proxy or a reload may send a form again: its idempotency key makes it one command."""
    await page.goto(f"/confirm/deploy/{app}?tag=v1.0.0")
    form = await page.locator("form[method=post]", has=page.get_by_role("button", name="Deploy v1.0.0")).evaluate(
        "(form) => new URLSearchParams(new FormData(form)).toString()"
    )
    send = """async (body) => (await fetch(location.pathname, {method: "POST", body, redirect: "manual",
      headers: {"Content-Type": "application/x-www-form-urlencoded"}})).type"""
    for _ in range(2):
        await page.evaluate(send, form)
    await scene.registers(app, ["v1.0.0"])
    await scene.holds(app, "up_to_date")
    await page.evaluate(send, form)
    assert len(await scene.rollouts(app)) == 1


async def _tab_to(page: Page, name: str, *, back: bool = False) -> None:
    """Press Tab until the focused element has that name."""
    for _ in range(40):
        if (await page.evaluate(_FOCUSED)).startswith(name):
            return
        await page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"Tab never comes to {name}")


_FOCUSED = """() => {
  const it = document.activeElement;
  return (it.ariaLabel ?? it.labels?.[0]?.innerText ?? it.innerText ?? "").replace(/\\s+/g, " ").trim();
}"""


async def test_the_button_deploys_the_highlighted_tag(page: Page) -> None:
    """Typed text highlights the tag that it means; without a match there is no button."""
    await page.goto("/")
    opened = await open_confirmation(page, "Deploy… shop", "Deploy shop")
    button = opened.get_by_role("button", name=re.compile(r"^(Deploy|Redeploy|Loading|No tag)"))
    find = opened.get_by_role("searchbox", name="Find a tag")
    await expect(opened.get_by_role("button", name="Redeploy v1.12.0", exact=True)).to_be_enabled()
    await find.fill("1.9.0")
    await expect(opened.get_by_role("radio")).to_have_count(1)
    await expect(opened.get_by_role("radio", name="v1.9.0")).to_be_checked()
    await expect(opened.get_by_role("button", name="Deploy v1.9.0", exact=True)).to_be_enabled()
    await find.fill("no such tag")
    await expect(opened.get_by_role("radio")).to_have_count(0)
    await expect(opened.get_by_text("so nothing can be deployed")).to_be_visible()
    await expect(button).to_have_count(0)
    await find.fill("v1.1")
    await expect(opened.get_by_role("radio")).to_have_count(3)
    await expect(opened.get_by_text("3 tags contain v1.1: choose one")).to_be_visible()
    await expect(button).to_have_count(0)
    await opened.get_by_role("radio", name="v1.11.0").check()
    await expect(opened.get_by_role("button", name="Deploy v1.11.0", exact=True)).to_be_enabled()
    await find.fill("1.1")
    await expect(opened.get_by_role("radio", name="v1.11.0")).to_be_checked()
    await expect(opened.get_by_role("button", name="Deploy v1.11.0", exact=True)).to_be_enabled()
