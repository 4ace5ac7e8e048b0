"""The list holds at every width, from a phone to a wide screen: half a laptop's screen is between."""

import pytest
from playwright.async_api import Page

from tests.ui.controls import dialog, open_confirmation
from tests.ui.installation import Installation

WIDTHS = range(360, 1601, 40)

# A version that is broken into lines ("v1. / 18. / 0") cannot be read. Only a tag that is longer than a line may be.
BROKEN = """() => [...document.querySelectorAll(".watches td b")]
  .filter((each) => each.textContent.length <= 20 && new Set([...each.getClientRects()].map((r) => r.top)).size > 1)
  .map((each) => each.textContent)"""

WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

HIDDEN = """() => [...document.querySelectorAll(".watches :is(a, button, b)")].filter((each) => {
  const box = each.getBoundingClientRect();
  return box.width && (box.left < 0 || box.right > innerWidth + 1);
}).map((each) => each.textContent)"""


async def test_the_list_holds_at_every_width(scene: Installation, page: Page) -> None:
    await page.goto("/")
    wrong = {}
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        found = [await page.evaluate(each) for each in (WIDER, BROKEN, HIDDEN)]
        if found != [0, [], []]:
            wrong[width] = found
    assert wrong == {}


@pytest.mark.parametrize("width", [360, 1000, 1240])
async def test_a_dialog_holds_at_these_widths(scene: Installation, page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 900})
    await page.goto("/")
    opened = await open_confirmation(page, "Deploy… shop", "Deploy shop")
    assert await opened.evaluate("(it) => it.scrollWidth - it.clientWidth") == 0
    assert await page.evaluate(WIDER) == 0
    assert await dialog(page, "Deploy shop").is_visible()
