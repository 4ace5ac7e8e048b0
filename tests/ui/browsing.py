"""A person's browser, which remembers all that a page must not do: errors, warnings, violations, requests elsewhere.

browsing = await browse(chromium, url); page = browsing.page; …; browsing.check()
"""

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    ViewportSize,
)

_log = logging.getLogger(__name__)

# The shell without a window takes a quarter less of the processors than the whole browser, whose engine it has.
PROGRAMS = ("chromium-headless-shell", "chromium")
FIX = "apt-get install chromium-headless-shell"

DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)

_LOUD = frozenset({"error", "warning", "assert"})
_LOCAL = ("data:", "blob:", "about:")
_TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample }) =>
  console.error(`CSP: ${effectiveDirective} forbids ${blockedURI || sample} on ${location.pathname}`));
"""


async def launch(playwright: Playwright, path: str) -> Browser:
    """Start that one of `PROGRAMS` without a window; for root it runs without a sandbox."""
    return await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])


@dataclass(kw_only=True)
class Browsing:
    """One browser profile with its first page; `origin` is the only host that it may contact."""

    context: BrowserContext
    page: Page
    origin: str
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """"METHOD path?query" of everything asked of the origin, in order."""
    _expected: list[re.Pattern[str]] = field(default_factory=list)

    def expect(self, pattern: str) -> None:
        """Declare that problems matching the pattern are expected: an answer 409, a lost connection."""
        self._expected.append(re.compile(pattern))

    def expect_cuts(self) -> None:
        """Declare that the test stops the server: loads of our own origin may fail, and nothing else."""
        self.expect(rf"^console error: .*net::ERR_\w+ at {re.escape(self.origin)}/")
        self.expect(r"^console error: htmx:(sendError|afterRequest|onLoadError|timeout)\b")

    def asked(self, start: str) -> list[str]:
        """The requests whose "METHOD path" starts with this."""
        return [each for each in self.requests if each.startswith(start)]

    def check(self) -> None:
        """AssertionError with everything that the pages did and must not do."""
        wrong = [each for each in self.problems if not any(pattern.search(each) for pattern in self._expected)]
        assert not wrong, "the browser complains:\n" + "\n".join(wrong)

    def listen(self) -> None:
        """Record problems of every page of the context from now on."""
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda error: self.problems.append(f"uncaught: {error.error}"))
        self.context.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in _LOUD:
            place = message.location
            where = f"{place.get('url', '')}:{place.get('lineNumber', '')}"
            self.problems.append(f"console {message.type}: {message.text} at {where}")

    def _asked(self, request: Request) -> None:
        url = request.url
        if url == self.origin or url.startswith(f"{self.origin}/"):
            self.requests.append(f"{request.method} {url.removeprefix(self.origin)}")
        elif not url.startswith(_LOCAL):
            self.problems.append(f"request elsewhere: {request.method} {url}")


@asynccontextmanager
async def browsing(chromium: Browser, origin: str, **options: Any) -> AsyncIterator[Browsing]:
    """A fresh profile at `origin`; on exit it fails for errors of its pages, unless the block failed already."""
    values: dict[str, Any] = {"viewport": DESKTOP, "base_url": origin, "reduced_motion": "reduce", **options}
    context = await chromium.new_context(**values)
    try:
        context.set_default_timeout(60_000)
        await context.add_init_script(_TELL_VIOLATIONS)
        made = Browsing(context=context, page=await context.new_page(), origin=origin)
        made.listen()
        yield made
        made.check()
    finally:
        await close(context)


async def close(opened: BrowserContext | Browser, *, within: float = 20.0) -> None:
    """Close it within that many seconds: chromium waits for ever for a renderer that hangs, and later tests would,
    too."""
    try:
        async with asyncio.timeout(within):
            await opened.close()
    except TimeoutError:
        _log.warning("chromium did not close within %g s: it is left to the end of the run", within)
