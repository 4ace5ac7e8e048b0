"""Commands for rollouts on the page: promote, fail, roll back, release; and the explanations on the page."""

import re

from playwright.async_api import Page, expect

from app.simulators.nomad import Fate
from tests.ui.controls import confirm, open_confirmation
from tests.ui.installation import Installation
from tests.ui.scene import HTML


async def test_canaries_are_promoted(scene: Installation, page: Page) -> None:
    await scene.push("canary-1", "v1.1.0")
    await scene.awaits_promotion("canary-1")
    await page.goto("/repos/canary-1")
    await expect(page.get_by_text("Its canaries wait for promotion")).to_be_visible()
    await expect(page.get_by_role("meter", name="Healthy allocations of canary-1")).to_be_visible()
    opened = await open_confirmation(page, "Promote the canaries…", "Promote canary-1 v1.1.0")
    await expect(opened.get_by_text("1 of 1 canaries are healthy")).to_be_visible()
    await opened.get_by_role("button", name="Promote").click()
    await scene.holds("canary-1", "up_to_date")
    await expect(page.get_by_text("v1.1.0 runs").first).to_be_visible()
    await expect(page.get_by_text("Its canaries wait for promotion")).to_be_hidden()
    assert (await scene.rollouts("canary-1"))[-1]["outcome"] == "succeeded"


async def test_canaries_are_failed_and_the_previous_image_comes_back(scene: Installation, page: Page) -> None:
    await scene.push("canary-2", "v1.1.0")
    rollout = await scene.awaits_promotion("canary-2")
    await page.goto(f"/rollouts/{rollout}")
    await confirm(page, "Fail the deployment…", "Fail canary-2 v1.1.0", "Fail the deployment")
    await scene.holds("canary-2", "failed_before")
    await expect(page.get_by_role("region", name="Progress").get_by_text("Failed", exact=True)).to_be_visible()
    await page.goto("/repos/canary-2")
    await expect(page.get_by_role("heading", name="Why canary-2 v1.1.0 failed")).to_be_visible()


async def test_rolling_back_to_an_earlier_rollout(scene: Installation, page: Page, app: str) -> None:
    tags = ("v1.2.0", "v1.3.0", "v1.4.0")
    for number, tag in enumerate(tags, start=1):
        await scene.push(app, tag)
        await scene.registers(app, [*tags[:number]])
        await scene.holds(app, "up_to_date")
    await page.goto(f"/repos/{app}")
    rollouts = page.get_by_role("region", name="Rollouts")
    await expect(rollouts.get_by_role("listitem")).to_have_count(3)
    link = rollouts.get_by_role("link", name="Roll back to v1.2.0…", exact=True)
    opened = await open_confirmation(page, link, f"Roll back {app} to v1.2.0")
    await expect(opened.get_by_text(f"team/{app}:v1.4.0")).to_be_visible()
    await expect(opened.get_by_text(f"team/{app}:v1.2.0")).to_be_visible()
    await opened.get_by_role("button", name="Roll back to v1.2.0").click()
    await scene.registers(app, ["v1.2.0", "v1.3.0", "v1.4.0", "v1.2.0"])
    await expect(page.get_by_text(re.compile("a person rolled back to v1.2.0")).first).to_be_visible()
    assert await scene.pinned(app) == ""


async def test_a_failed_digest_is_released(scene: Installation, page: Page, app: str) -> None:
    scene.site.nomad.judge(f"team/{app}:v2.0.0", Fate.OOM_KILLED)
    await scene.push(app, "v2.0.0")
    await scene.holds(app, "failed_before")
    scene.site.nomad.pardon(f"team/{app}:v2.0.0")
    await page.goto(f"/repos/{app}")
    before = len(scene.registered(app))
    opened = await open_confirmation(page, "Release hold…", f"Release hold of {app}")
    await expect(opened.get_by_text(re.compile("sha256:[0-9a-f]{64} failed here"))).to_be_visible()
    await opened.get_by_role("button", name="Release").click()
    await scene.holds(app, "up_to_date")
    assert scene.registered(app)[before:] == ["v2.0.0"]
    await expect(page.get_by_text("v2.0.0 runs").first).to_be_visible()
    await expect(page.get_by_role("link", name="Release hold…")).to_be_hidden()


async def test_a_failure_is_explained_where_it_is_shown(page: Page) -> None:
    await page.goto("/repos/broken")
    why = page.get_by_role("region", name="Why broken v2.0.0 failed")
    await expect(why.get_by_text("exited with code 3").first).to_be_visible()
    await expect(why.get_by_role("region", name="stderr of app/server")).to_contain_text(f"panic: {HTML}")
    await why.get_by_role("link", name="The rollout").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Rollout broken v2.0.0")
    await expect(page.get_by_role("heading", name="Why it failed")).to_be_visible()


async def test_the_timeline_shows_the_whole_line(page: Page) -> None:
    """Newest first: from the outcome of the rollout back to the webhook of the push."""
    await page.goto("/repos/broken")
    entries = page.get_by_role("region", name="Timeline").get_by_role("listitem")
    texts = [" ".join(text.split()) for text in await entries.all_inner_texts()]
    story = [
        next(number for number, text in enumerate(texts) if re.search(pattern, text))
        for pattern in (
            r"^Failed .*unhealthy allocations", r"^Rollout .*v2\.0\.0", r"^Deploys v2\.0\.0 follows v1\.0\.0",
            r"^Webhook pushed team/broken:v2\.0\.0.*by distribution", r"^Up to date v1\.0\.0 runs",
        )
    ]  # fmt: skip
    assert story == sorted(story), texts
    await expect(entries.nth(story[3]).get_by_role("link", name=re.compile("^delivery"))).to_be_visible()
    await expect(entries.nth(story[0]).get_by_role("link", name=re.compile("^rollout"))).to_be_visible()


async def test_the_current_health_is_shown(scene: Installation, page: Page) -> None:
    await page.goto("/repos/moving")
    meter = page.get_by_role("region", name="Rollout in progress").get_by_role("meter")
    await expect(meter).to_have_attribute("value", "2")
    await expect(page.get_by_text("2 of 3 healthy").first).to_be_visible()
    rollout = (await scene.rollouts("moving"))[-1]["rollout_id"]
    await page.get_by_role("link", name="moving v1.1.0").first.click()
    await expect(page).to_have_url(re.compile(str(rollout)))
    await expect(page.get_by_role("meter")).to_have_attribute("value", "2")
