"""The counts above the list agree with the rows at each moment, with and without a filter, while rows change."""

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.ui.controls import row
from tests.ui.installation import Installation

# Compares after each change of the page; remembers the first disagreement.
WATCH_COUNTS = """() => {
  window.disagreement = "";
  const compare = () => {
    const chosen = document.querySelectorAll("#filters .count[aria-current]").length;
    for (const count of document.querySelectorAll("#filters .count")) {
      const name = count.id.replace("count-", "");
      const rows = document.querySelectorAll(`[data-condition="${name}"]`).length;
      const counted = Number(count.querySelector("b").textContent);
      if (chosen && !count.hasAttribute("aria-current")) continue;
      if (rows !== counted) window.disagreement ||= `${name}: ${counted} counted, ${rows} shown`;
    }
    const found = Number(document.querySelector("#found").textContent.match(/\\d+/)[0]);
    const rows = document.querySelectorAll("[data-watch]").length;
    if (found !== rows) window.disagreement ||= `${found} found, ${rows} shown`;
  };
  compare();
  new MutationObserver(compare).observe(document.getElementById("main"), { childList: true, subtree: true });
}"""


async def counted(page: Page, name: str) -> int:
    found = page.locator(f"#count-{name} b")
    return int(await found.inner_text()) if await found.count() else 0


@pytest.mark.parametrize(
    "query", ["/", "/?state=current", "/?state=held", "/?state=held&state=current", "/?text={app}"]
)
async def test_counts_follow_the_rows(scene: Installation, page: Page, app: str, query: str) -> None:
    """An update that waits for a person, and its release: from up to date to held, and back."""
    await page.goto(query.format(app=app))
    await expect(page.locator("#live")).to_have_text("Live")
    await page.evaluate(WATCH_COUNTS)
    await page.evaluate("window.kept = true")
    held, current = await counted(page, "held"), await counted(page, "current")
    await scene.command(app, auto_deploy=False)
    await scene.push(app, "v1.2.0")
    await expect(page.locator("#count-held b")).to_have_text(str(held + 1))
    if "held" in query:
        await expect(row(page, app).get_by_text("Auto deploy is off").first).to_be_visible()
    elif "current" in query:
        await expect(row(page, app)).to_have_count(0)
    await scene.command(app, auto_deploy=True)
    await expect(page.locator("#count-current b")).to_have_text(str(current))
    if query == "/?state=held":
        await expect(row(page, app)).to_have_count(0)
    else:
        await expect(row(page, app).get_by_text("v1.2.0 runs")).to_be_visible()
    assert await page.evaluate("window.disagreement") == ""
    assert await page.evaluate("window.kept"), "the page was not loaded again"


async def test_a_row_in_use_stays_until_it_is_let_go(scene: Installation, page: Page, app: str) -> None:
    """The filter no longer finds it while its button is pressed: a click on a removed button would be lost."""
    await page.goto("/?state=current")
    await expect(page.locator("#live")).to_have_text("Live")
    button = page.get_by_role("button", name=re.compile(rf"^Check now\s?: {re.escape(app)}$"))
    await button.hover()
    await page.mouse.down()
    await scene.command(app, auto_deploy=False)
    await scene.push(app, "v1.2.0")
    await scene.holds(app, "auto_deploy_off")
    await expect(page.locator("#count-held b")).not_to_have_text("0")
    pressed: Any = await button.count()
    assert pressed == 1
    await page.mouse.up()
    await expect(row(page, app)).to_have_count(0)
    await scene.command(app, auto_deploy=True)
