"""The controls of a page, found by role and name, and the clicks that use them."""

import re

from playwright.async_api import Locator, Page, expect

_SEEN = """([name, words]) => new Promise((found) => {
  const look = () => {
    const row = document.querySelector(`[data-watch="${name}"]`);
    if (row?.textContent.includes(words)) found(Date.now() / 1000);
    else setTimeout(look, 5);
  };
  look();
})"""


def row(page: Page, name: str) -> Locator:
    """The row of that watch in the list."""
    heading = page.get_by_role("rowheader").filter(has=page.get_by_role("link", name=name, exact=True))
    return page.get_by_role("row").filter(has=heading)


def dialog(page: Page, title: str) -> Locator:
    """The dialog that is open, by its title."""
    return page.get_by_role("dialog", name=title, exact=True)


def toast(page: Page, message: str | re.Pattern[str]) -> Locator:
    """The message that the page shows for some seconds after an action."""
    return page.locator("#toasts").get_by_text(message)


def search(page: Page) -> Locator:
    """The search field of the list; with its suggestions it is a combobox."""
    return page.get_by_role("combobox", name="Search repositories and tags")


def switch(page: Page, name: str, *, on: bool) -> Locator:
    """The watch's auto deploy switch, while it is in that position."""
    state, other = ("On", "off") if on else ("Off", "on")
    return page.get_by_role(
        "link", name=re.compile(rf"^{state}\s?: auto deploy of {re.escape(name)}, switch it {other}$")
    )


def check_now(page: Page, name: str) -> Locator:
    """The button in the watch's row that checks its job now."""
    return page.get_by_role("button", name=re.compile(rf"^Check now\s?: {re.escape(name)}$"))


async def open_confirmation(page: Page, link: str | Locator, title: str) -> Locator:
    """Follow the link to a confirmation; returns the open dialog."""
    found = page.get_by_role("link", name=link, exact=True) if isinstance(link, str) else link
    await found.click()
    opened = dialog(page, title)
    await expect(opened).to_be_visible()
    return opened


async def confirm(page: Page, link: str | Locator, title: str, button: str) -> None:
    """The two clicks of every action; returns when the dialog has closed."""
    opened = await open_confirmation(page, link, title)
    await opened.get_by_role("button", name=button, exact=True).click()
    await expect(opened).to_be_hidden()


async def pick(page: Page, name: str, tag: str) -> Locator:
    """Open the list's dialog for the watch and choose the tag by typing it, which highlights it; returns the deploy
    button."""
    opened = await open_confirmation(page, f"Deploy… {name}", f"Deploy {name}")
    await opened.get_by_role("searchbox", name="Find a tag").fill(tag)
    await expect(opened.get_by_role("radio", name=re.compile(rf"^{re.escape(tag)}\b"))).to_be_checked()
    button = opened.get_by_role("button", name=re.compile(rf"^(Deploy|Redeploy) {re.escape(tag)}$"))
    await expect(button).to_be_enabled()
    return button


async def seen(page: Page, name: str, words: str) -> float:
    """Wait until the watch's row contains the words; returns when it first did, as Unix time by the page's clock."""
    at: float = await page.evaluate(_SEEN, [name, words])
    return at
