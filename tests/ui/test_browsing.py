"""The browser that the page tests stand on."""

import os
import signal
from collections.abc import Callable

import pytest
from playwright.async_api import Browser, async_playwright

from tests.ui.browsing import close, launch


async def test_a_browser_that_hangs_is_given_up(
    chromium: Browser, find_program: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    path = find_program("chromium", fix="apt-get install chromium")
    assert chromium.is_connected()
    async with async_playwright() as playwright:
        browser = await launch(playwright, path)
        page = await browser.new_page()
        await page.set_content("<p>it hangs</p>")
        stopped = await _renderers(browser)
        assert stopped
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            await close(browser, within=1.0)
            assert "did not close within 1 s" in caplog.text
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGKILL)


async def _renderers(browser: Browser) -> list[int]:
    devtools = await browser.new_browser_cdp_session()
    found = await devtools.send("SystemInfo.getProcessInfo")
    return [each["id"] for each in found["processInfo"] if each["type"] == "renderer"]
