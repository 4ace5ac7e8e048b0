"""The activity page, by repository, kind and person; and the deliveries of registries."""

import re

from playwright.async_api import Page, expect

from tests.ui.controls import toast
from tests.ui.installation import Installation


async def test_activity_is_filtered(page: Page) -> None:
    await page.goto("/activity")
    entries = page.get_by_role("region", name="Timeline").get_by_role("listitem")
    await expect(entries.first).to_be_visible()
    everything = await entries.count()
    await page.get_by_role("searchbox", name="Repository").fill("broken")
    await expect(page).to_have_url(re.compile("repo=broken"))
    await expect(entries.first.get_by_role("link", name="broken", exact=True)).to_be_visible()
    assert 0 < await entries.count() < everything
    kinds = page.get_by_role("combobox", name="Kind")
    await kinds.select_option("outcome")
    await expect(page).to_have_url(re.compile("kind=outcome"))
    await expect(entries.filter(has_text="Failed").first).to_be_visible()
    await expect(entries.filter(has_text="Webhook")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_role("searchbox", name="Repository")).to_have_value("broken")
    await expect(kinds).to_have_value("outcome")


async def test_older_entries_are_behind_a_link(page: Page) -> None:
    await page.goto("/activity")
    entries = page.get_by_role("region", name="Timeline").get_by_role("listitem")
    newest = await entries.first.inner_text()
    await page.get_by_role("link", name="Older").click()
    await expect(page).to_have_url(re.compile("before"))
    await expect(entries.first).to_be_visible()
    assert await entries.first.inner_text() != newest
    await page.get_by_role("link", name="Newest").click()
    await expect(page).not_to_have_url(re.compile("before"))


async def test_deliveries_show_their_results(page: Page) -> None:
    await page.goto("/deliveries")
    sources = page.get_by_role("region", name="Sources")
    await expect(sources.get_by_role("listitem").filter(has_text="harbour")).to_contain_text("Not configured")
    await expect(sources.get_by_role("listitem").filter(has_text="distribution")).to_contain_text("quarantined")
    await expect(sources.get_by_text(re.compile("Only polling found"))).to_be_visible()
    await expect(sources.get_by_role("link", name="shop")).to_be_visible()
    became = page.get_by_role("combobox", name="Result")
    await became.select_option("quarantined")
    await expect(page).to_have_url(re.compile("quarantined"))
    await expect(page.get_by_text("body: 'events' is a text, not a list")).to_be_visible()
    await page.get_by_role("link", name="18 bytes").click()
    odd = page.get_by_role("region", name="Quarantined")
    await expect(odd).to_contain_text("'events' is a text, not a list")


async def test_a_delivery_is_replayed(scene: Installation, page: Page, app: str) -> None:
    """Its push was known and its tag came late: a person replays it when a check was missed."""
    digest = scene.push_silently(app, "v1.5.0", "late")
    scene.registry.delete_tag(f"team/{app}", "v1.5.0")
    path = await scene.deliver_push(app, "v1.5.0", digest)
    await scene.holds(app, "up_to_date")
    scene.registry.link(f"team/{app}", "v1.5.0", digest)
    await page.goto(path)
    await expect(page.get_by_role("heading", name=f"Pushed team/{app}:v1.5.0")).to_be_visible()
    await page.get_by_role("button", name="Replay").click()
    await expect(toast(page, re.compile("."))).to_be_visible()
    await scene.registers(app, ["v1.5.0"])


async def test_a_silent_source_shows_how_to_configure_it(page: Page) -> None:
    await page.goto("/deliveries")
    await page.get_by_text("How to set up a registry").click()
    block = page.get_by_role("region", name=re.compile("istribution")).first
    await expect(block).to_contain_text("notifications")
    await expect(block).to_contain_text("/webhooks/distribution")
