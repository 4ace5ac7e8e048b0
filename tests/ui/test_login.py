"""With configured tokens, people sign in and see the actions of their role. Nothing is watched there yet."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest
from playwright.async_api import Browser, Page, expect

from tests.servers.postgres import Databases
from tests.servers.toxic import ToxicProxy
from tests.servers.valkey import LogicalDatabases
from tests.ui.axe import violations
from tests.ui.browsing import PHONE, Browsing, browsing
from tests.ui.installation import Installation, installation

TOKENS = "".join(
    f'[api_tokens.{name}]\nrole = "{role}"\ntoken = "{name}-s-long-and-secret-token"\n'
    for name, role in (("vera", "viewer"), ("dan", "deployer"), ("ann", "admin"))
)
Open = Callable[..., AbstractAsyncContextManager[Browsing]]


@pytest.fixture(scope="module")
def bare(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, logical_databases: LogicalDatabases
) -> Iterator[Installation]:
    url = databases.fresh()
    with installation(tmp_path_factory.mktemp("bare"), database_url=url, redis_url=logical_databases.fresh()) as made:
        yield made
    databases.drop(url)


@pytest.fixture(scope="module")
async def guarded(bare: Installation) -> Installation:
    """An installation with three tokens and no watches."""
    await bare.start(tail=TOKENS)
    return bare


@pytest.fixture
def visit(chromium: Browser, guarded: Installation) -> Open:
    return partial(browsing, chromium, guarded.url)


@pytest.fixture
async def page(visit: Open) -> AsyncIterator[Page]:
    async with visit() as made:
        yield made.page


async def sign_in(page: Page, name: str, path: str = "/") -> None:
    await page.goto(path)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    await page.get_by_label("API token").fill(f"{name}-s-long-and-secret-token")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).not_to_have_text("Sign in")


async def test_a_person_without_a_session_signs_in_and_reaches_the_page(page: Page) -> None:
    await sign_in(page, "ann", "/deliveries")
    await expect(page).to_have_url(re.compile("/deliveries$"))
    await expect(page.get_by_text("ann (admin)")).to_be_visible()
    await expect(page.locator("#live")).to_have_text("Live")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    await page.go_back()
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


async def test_an_open_page_says_that_its_person_was_signed_out(chromium: Browser, guarded: Installation) -> None:
    """And not that the service does not answer; it is live again when the person signs in with another tab."""
    async with ToxicProxy(guarded.url) as proxy, browsing(chromium, proxy.url) as browser:
        browser.expect_cuts()
        browser.expect("status of 401")
        page = browser.page
        await sign_in(page, "vera")
        await expect(page.locator("#live")).to_have_text("Live")
        await browser.context.clear_cookies()
        proxy.cut()
        await expect(page.locator("#not-current")).to_contain_text(
            re.compile("You are signed out since .*; what you see is as of .* reload this page to sign in again")
        )
        await sign_in(await browser.context.new_page(), "vera")
        await expect(page.locator("#live")).to_have_text("Live")


async def test_a_wrong_token_is_shown_beside_its_field(visit: Open) -> None:
    async with visit() as browser:
        browser.expect("status of 401")
        page = browser.page
        await page.goto("/login")
        await expect(page.get_by_label("API token")).to_be_focused()
        await page.get_by_label("API token").fill("guessed")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_contain_text("not a configured token")
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            assert await violations(page) == []


async def test_roles_see_what_they_may_do(visit: Open) -> None:
    for name, reads_only, requeue_delays in (("vera", True, False), ("dan", False, False), ("ann", False, True)):
        async with visit() as browser:
            await sign_in(browser.page, name)
            await expect(browser.page.get_by_text("You are signed in as a viewer")).to_have_count(int(reads_only))
            await expect(browser.page.get_by_role("link", name="Pause everything…")).to_have_count(int(requeue_delays))


async def test_the_session_cookie_is_protected(visit: Open) -> None:
    """The cookie cannot be read by scripts or other sites; the token is nowhere in the page."""
    async with visit() as browser:
        await sign_in(browser.page, "ann")
        (cookie,) = await browser.context.cookies()
        assert cookie["httpOnly"]
        assert cookie["sameSite"] in ("Lax", "Strict")
        assert "secret-token" not in cookie["value"]
        assert "secret-token" not in await browser.page.content()


async def test_an_empty_list_shows_how_to_begin(page: Page) -> None:
    await sign_in(page, "ann")
    await expect(page.get_by_role("heading", name="No repository is watched yet")).to_be_visible()
    await expect(page.get_by_role("region", name="Configuration to paste")).to_contain_text("[repo_map.")
    assert await violations(page) == []
    await page.goto("/activity")
    await expect(page.get_by_text("Nothing has happened yet.")).to_be_visible()
    assert await violations(page) == []
    await page.goto("/deliveries")
    block = page.get_by_role("region", name=re.compile("istribution")).first
    await expect(block).to_be_visible()
    await expect(block).to_contain_text("/webhooks/distribution")
    assert await violations(page) == []


async def test_login_works_without_a_script_and_on_a_phone(visit: Open) -> None:
    async with visit(java_script_enabled=False, viewport=PHONE, is_mobile=True, has_touch=True) as browser:
        page = browser.page
        await page.goto("/activity")
        await page.get_by_label("API token").fill("vera-s-long-and-secret-token")
        await page.get_by_role("button", name="Sign in").tap()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Activity")
        await page.get_by_role("button", name="Sign out").tap()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
