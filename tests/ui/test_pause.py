"""The global pause: nobody can overlook it; commands are still executed."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from tests.ui.conftest import Browse
from tests.ui.controls import confirm, open_confirmation, pick, row
from tests.ui.installation import Installation


@pytest.fixture
async def resumed(scene: Installation) -> AsyncIterator[None]:
    """Resumes everything after the test."""
    yield
    await scene.post("/resume")


@pytest.mark.usefixtures("resumed")
async def test_pause_and_resume_are_shown_everywhere(scene: Installation, page: Page, app: str) -> None:
    await page.goto("/")
    opened = await open_confirmation(page, "Pause everything…", "Pause everything")
    await opened.get_by_label("Reason (optional)").fill("the fair")
    await opened.get_by_role("button", name="Pause everything").click()
    banner = page.get_by_role("region", name="Everything is paused")
    await expect(banner.get_by_text("the fair")).to_be_visible()
    await expect(page.get_by_role("link", name="Pause everything…")).to_be_hidden()
    rollout = (await scene.rollouts("shop"))[-1]["rollout_id"]
    for path in ("/activity", "/deliveries", "/repos/shop", f"/rollouts/{rollout}", "/confirm/deploy/shop"):
        await page.goto(path)
        await expect(banner).to_be_visible()
    await scene.push(app, "v1.2.0")
    await page.goto("/")
    held = re.compile("everything is paused since .*: the fair; ")
    await expect(row(page, app).get_by_text(held).first).to_be_visible()
    await expect(row(page, app).get_by_text("v1.2.0").first).to_be_visible()
    button = await pick(page, app, "v1.0.0")
    await expect(page.get_by_role("dialog").get_by_text("this deploy starts all the same")).to_be_visible()
    await button.click()
    await scene.registers(app, ["v1.0.0"])
    await confirm(page, "Resume everything…", "Resume everything", "Resume everything")
    await expect(banner).to_be_hidden()
    await scene.command(app, pinned_tag="")
    await scene.registers(app, ["v1.0.0", "v1.2.0"])


@pytest.mark.usefixtures("resumed")
async def test_pause_works_without_a_script_and_is_seen_by_others(
    scene: Installation, page: Page, browse: Browse
) -> None:
    await page.goto("/repos/shop")
    async with browse(java_script_enabled=False) as other:
        await other.page.goto("/")
        await other.page.get_by_role("link", name="Pause everything…").click()
        await other.page.get_by_role("button", name="Pause everything").click()
        await expect(other.page.get_by_role("region", name="Everything is paused")).to_be_visible()
        await expect(page.get_by_role("region", name="Everything is paused")).to_be_visible()
        await other.page.get_by_role("link", name="Resume everything…").click()
        await other.page.get_by_role("button", name="Resume everything").click()
        await expect(other.page.get_by_role("region", name="Everything is paused")).to_be_hidden()
    await expect(page.get_by_role("region", name="Everything is paused")).to_be_hidden()
    assert not (await scene.fetch("SELECT paused FROM switches"))[0]["paused"]
