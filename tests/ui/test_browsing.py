"""The browser that the page tests stand on."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.ui.browsing import close, launch


async def test_a_browser_that_hangs_is_given_up(
    chromium: Browser, find_program: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    path = find_program("chromium", fix="apt-get install chromium")
    assert chromium.is_connected()
    others = _renderers()
    async with async_playwright() as playwright:
        browser = await launch(playwright, path)
        page = await browser.new_page()
        await page.set_content("<p>it hangs</p>")
        stopped = _renderers() - others
        assert stopped
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            await close(browser, within=1.0)
            assert "did not close within 1 s" in caplog.text
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGKILL)


def _renderers() -> set[int]:
    return {int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if b"--type=renderer" in _read(path)}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""
