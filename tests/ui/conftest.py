"""One browser and one installation for all page tests; each test has its own profile."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.servers.postgres import Databases
from tests.servers.valkey import LogicalDatabases
from tests.ui.browsing import FIX, PROGRAMS, Browsing, browsing, close, launch
from tests.ui.installation import Installation, installation
from tests.ui.scene import fresh, play

Browse = Callable[..., AbstractAsyncContextManager[Browsing]]


@pytest.fixture(scope="package")
async def chromium(find_program: Callable[..., str]) -> AsyncIterator[Browser]:
    """Debian's chromium, shared by the folder: a start takes seconds."""
    path = find_program(*PROGRAMS, fix=FIX)
    expect.set_options(timeout=60_000)  # for a busy machine; what has a bar measures it
    async with async_playwright() as playwright:
        browser = await launch(playwright, path)
        yield browser
        await close(browser)


@pytest.fixture(scope="package")
def empty_installation(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, logical_databases: LogicalDatabases
) -> Iterator[Installation]:
    """The servers of `scene`, and a database of its own."""
    url = databases.fresh()
    with installation(
        tmp_path_factory.mktemp("installation"), database_url=url, redis_url=logical_databases.fresh()
    ) as made:
        yield made
    databases.drop(url)


@pytest.fixture(scope="package")
async def scene(empty_installation: Installation) -> Installation:
    """Everything runs, with a watch in every state."""
    await play(empty_installation)
    return empty_installation


@pytest.fixture(scope="package")
def pool() -> Iterator[str]:
    """Watches that no other test acts on."""
    return fresh()


@pytest.fixture
def app(scene: Installation, pool: Iterator[str]) -> str:
    """The name of a watch for this test alone: it is up to date with v1.1.0, and its registry has v1.0.0 too."""
    return next(pool)


@pytest.fixture
def browse(chromium: Browser, scene: Installation) -> Browse:
    """`async with browse(**options) as browser`: another person's browser at the scene, or at a URL in front of it."""

    def open_browser(url: str = scene.url, **options: Any) -> AbstractAsyncContextManager[Browsing]:
        return browsing(chromium, url, **options)

    return open_browser


@pytest.fixture
async def browser(browse: Browse) -> AsyncIterator[Browsing]:
    """This test's browser; at the end it fails for errors, violations and requests to other hosts."""
    async with browse() as made:
        yield made


@pytest.fixture
def page(browser: Browsing) -> Page:
    """Its first page, empty."""
    return browser.page
