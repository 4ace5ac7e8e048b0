"""The list of repositories: watches that need a person first, and search by name, tag and condition."""

import re

from playwright.async_api import Page, expect

from tests.ui.controls import row, search
from tests.ui.scene import POOL


async def names(page: Page) -> list[str]:
    """The names of the shown watches, in order."""
    found: list[str] = await page.locator("[data-watch]").evaluate_all(
        "(rows) => rows.map((each) => each.dataset.watch)"
    )
    return found


async def test_watches_that_need_a_person_are_on_top(page: Page) -> None:
    await page.goto("/")
    shown = await names(page)
    names_shown = ["unreachable", "canary", "broken", "switched-off", "moving", "tagless", "shop"]
    assert sorted(names_shown, key=shown.index) == names_shown
    for name, message in (
        ("canary", "Waiting for promotion"), ("broken", "Held: failed before"), ("moving", "Deploying 2/3 healthy"),
        ("jobless", "job jobless is not in Nomad"), ("pinned", "pinned to v1.0.0"), ("shop", "Up to date"),
        ("looking", "would deploy v1.1.0"), ("downgrade", "Outage"), ("rolled", "rolled back"),
    ):  # fmt: skip
        await expect(row(page, name).get_by_text(message).first).to_be_visible()
    shop = row(page, "shop")
    await expect(shop.get_by_role("cell").nth(1)).to_contain_text(re.compile(r"v1\.12\.0\s*×1\s*[0-9a-f]{12}"))


async def test_times_are_relative_with_the_date_as_their_title(page: Page) -> None:
    await page.clock.install()
    await page.goto("/")
    time = row(page, "shop").locator("time").first
    await expect(time).to_have_text(re.compile(r"^\d+ (s|min) ago$"))
    title, machine = await time.get_attribute("title"), await time.get_attribute("datetime")
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d", title or ""), title
    assert re.match(r"\d{4}-\d\d-\d\dT", machine or ""), machine
    await page.clock.fast_forward("03:00:00")
    await expect(time).to_have_text("3 h ago")


async def test_typing_finds_names_and_tags_and_changes_the_url(page: Page) -> None:
    await page.goto("/")
    await search(page).fill("v1.9.0")
    await expect(page.get_by_role("rowheader")).to_have_count(1)
    await expect(row(page, "shop").get_by_text("has v1.9.0")).to_be_visible()
    await expect(page).to_have_url(re.compile(r"text=v1\.9\.0"))
    await page.reload()
    await expect(search(page)).to_have_value("v1.9.0")
    assert await names(page) == ["shop"]
    await search(page).fill("SHO")
    await expect(page).to_have_url(re.compile(r"text=SHO"))
    assert await names(page) == ["shop"]
    await search(page).fill("%")
    await expect(page.get_by_text("The filter found no repository.")).to_be_visible()
    await page.get_by_role("link", name="clear all filters").click()
    await expect(row(page, POOL[-1])).to_be_visible()


async def test_several_filters_at_once(page: Page) -> None:
    await page.goto("/")
    for text in ("v1.0.0", "canary"):
        await search(page).fill(text)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("link", name=f"Remove filter {text}")).to_be_visible()
    await expect(page).to_have_url(re.compile(r"q=v1\.0\.0&q=canary"))
    assert sorted(await names(page)) == ["canary", *(f"canary-{number}" for number in range(1, 5))]
    await search(page).fill("-3")
    await expect(page.get_by_role("rowheader")).to_have_count(1)
    await page.get_by_role("link", name="Remove filter canary").click()
    await expect(page.get_by_role("link", name="Remove filter canary")).to_have_count(0)
    await expect(page.get_by_role("link", name="Remove filter v1.0.0")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("link", name="Remove filter canary")).to_be_visible()
    await page.get_by_role("link", name="Clear all").click()
    await expect(page).to_have_url(re.compile(r"/$"))


async def test_names_and_tags_are_suggested(page: Page) -> None:
    await page.goto("/")
    await search(page).press_sequentially("sho")
    options = page.locator("#suggestions option")
    await expect(options.filter(has_text="repository")).to_have_attribute("value", "shop")
    await search(page).fill("feature")
    await expect(options).to_have_attribute("value", "feature-x")
    await expect(options).to_have_text(re.compile("tag"))


async def test_conditions_are_counted_and_filter(page: Page) -> None:
    await page.goto("/")
    filters = page.get_by_role("navigation", name="Filters")
    failed = filters.get_by_role("link", name=re.compile(r"^Failed \d+$"))
    count = int((await failed.inner_text()).split()[-1])
    assert count >= 2
    await failed.click()
    await expect(page.get_by_role("rowheader")).to_have_count(count)
    assert "broken" in await names(page)
    await expect(page).to_have_url(re.compile("state=failed"))
    held = filters.get_by_role("link", name=re.compile(r"^Held \d+$"))
    await held.click()
    await expect(row(page, "switched-off")).to_be_visible()
    await expect(row(page, "broken")).to_be_visible()
    await failed.click()
    await expect(row(page, "broken")).to_have_count(0)


async def test_a_slash_goes_to_the_search_and_can_be_typed_there(page: Page) -> None:
    await page.goto("/")
    await page.keyboard.press("/")
    await expect(search(page)).to_be_focused()
    await expect(search(page)).to_have_value("")
    await page.keyboard.type("team/sho")
    await expect(search(page)).to_have_value("team/sho")
    await expect(page.get_by_role("rowheader")).to_have_count(1)
