"""`make screenshots`: every page in every state, for review.

All pictures go to .registrywatcher/screenshots, a few small ones to docs.
"""

import asyncio
import base64
import logging
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from playwright.async_api import Browser, Page, async_playwright

from app.local.postgres import EmbeddedPostgres
from app.local.valkey import EmbeddedValkey
from tests.processes import ROOT
from tests.servers.postgres import migrate
from tests.servers.programs import on_path
from tests.ui.browsing import DESKTOP, FIX, PHONE, PROGRAMS, browsing, close, launch
from tests.ui.fleet import work
from tests.ui.installation import Installation, installation
from tests.ui.scene import HTML, LONG, play

OUT = ROOT / ".registrywatcher" / "screenshots"
DOCS = ROOT / "docs"
MOST = 100_000  # bytes of a picture in docs

LOOKS = {
    "desktop": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light"},
}
IN_DOCS = {
    ("fleet", "desktop"): "repositories",
    ("fleet-deploy", "desktop"): "deploy",
    ("fleet-failed", "dark"): "failed",
}

Act = Callable[[Page], Awaitable[object]]


async def _nothing(_page: Page) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A picture: a page, the actions before it, and whether it shows the whole page or the window."""

    name: str
    path: str
    act: Act = _nothing
    whole: bool = True


async def main() -> None:
    """Take all pictures, replacing the earlier ones; errors of the browser are printed."""
    logging.disable()  # of servers that stop while a client still waits
    chromium = on_path(*PROGRAMS) or sys.exit(f"{PROGRAMS[0]} is not on PATH: {FIX}")
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    async with async_playwright() as playwright:
        browser = await launch(playwright, chromium)
        async with _standing() as empty:
            await empty.start(tail='[api_tokens.ann]\nrole = "admin"\ntoken = "ann-s-token"')
            await _take(browser, empty.url, [Shot(name="login", path="/login")])
        async with _standing() as empty:
            await empty.start()
            await _take(browser, empty.url, [
                Shot(name="empty-repositories", path="/"),
                Shot(name="empty-activity", path="/activity"),
                Shot(name="empty-deliveries", path="/deliveries"),
            ])  # fmt: skip
        async with _standing() as fleet:
            await work(fleet)
            await _take(browser, fleet.url, [
                Shot(name="fleet", path="/", whole=False),
                Shot(name="fleet-deploy", path="/", act=_open("Deploy… recommendations"), whole=False),
                Shot(name="fleet-failed", path="/repos/payments"),
            ])  # fmt: skip
        async with _standing() as full:
            await play(full)
            await _take(browser, full.url, [shot async for shot in _shots(full)])
            await full.post("/pause")
            await _take(browser, full.url, [
                Shot(name="paused", path="/", whole=False),
                Shot(name="paused-repository", path="/repos/shop", whole=False),
            ])  # fmt: skip
        await close(browser)


async def _shots(full: Installation) -> AsyncIterator[Shot]:
    yield Shot(name="repositories", path="/", whole=False)
    yield Shot(name="repositories-all", path="/")
    yield Shot(name="searched", path="/?q=v1.1&q=a", whole=False)
    yield Shot(name="nothing-found", path="/?q=nobody-has-this", whole=False)
    yield Shot(name="deploy", path="/", act=_open("Deploy… shop"), whole=False)
    yield Shot(name="deploy-by-link", path="/confirm/deploy/shop")
    yield Shot(name="reset", path="/repos/pinned", act=_open("Reset…"), whole=False)
    yield Shot(name="pause", path="/", act=_open("Pause everything…"), whole=False)
    for name, watch in (
        ("current", "shop"), ("failed", "broken"), ("moving", "moving"), ("canary", "canary"),
        ("rolled-back", "rolled"), ("unreachable", "unreachable"), ("unusable", "jobless"),
        ("observed", "looking"), ("off", "switched-off"),
        ("hostile", HTML), ("long", LONG),
    ):  # fmt: skip
        yield Shot(name=name, path=f"/repos/{quote(watch, safe='')}")
    for name in ("broken", "canary", "shop"):
        yield Shot(name=f"rollout-{name}", path=f"/rollouts/{(await full.rollouts(name))[0]['rollout_id']}")
    yield Shot(name="activity", path="/activity", whole=False)
    yield Shot(name="deliveries", path="/deliveries")
    rows = await full.fetch("SELECT delivery_id FROM deliveries ORDER BY received_at DESC LIMIT 4")
    yield Shot(name="delivery-quarantined", path=f"/deliveries/{rows[0]['delivery_id']}")
    yield Shot(name="delivery", path=f"/deliveries/{rows[3]['delivery_id']}")
    yield Shot(name="not-found", path="/repos/nobody")


def _open(name: str) -> Act:
    async def act(page: Page) -> None:
        await page.get_by_role("link", name=name, exact=True).click()
        await page.get_by_role("dialog").locator("#do:enabled").wait_for()  # the stream keeps the network busy forever

    return act


async def _take(browser: Browser, url: str, shots: list[Shot]) -> None:
    for look, options in LOOKS.items():
        async with browsing(browser, url, **options) as person:
            for shot in shots:
                await person.page.goto(shot.path)
                await shot.act(person.page)
                await person.page.screenshot(path=OUT / f"{shot.name}-{look}.png", full_page=shot.whole, timeout=60_000)
                if (shot.name, look) in IN_DOCS:
                    await _for_docs(person.page, IN_DOCS[shot.name, look])
                sys.stderr.writelines(f"{shot.name}, {look}: {each}\n" for each in person.problems)
                person.problems.clear()


async def _for_docs(page: Page, name: str) -> None:
    """The window as a small file: chromium writes WebP, although playwright does not request it."""
    devtools = await page.context.new_cdp_session(page)
    taken = await devtools.send("Page.captureScreenshot", {"format": "webp", "quality": 80})
    picture = base64.b64decode(taken["data"])
    assert len(picture) <= MOST, f"{name}: {len(picture)} bytes"
    (DOCS / f"{name}.webp").write_bytes(picture)


@asynccontextmanager
async def _standing() -> AsyncIterator[Installation]:
    """An installation with its own servers; blocking calls run in a thread, because the servers wait for themselves."""
    around = _servers()
    made = await asyncio.to_thread(around.__enter__)
    try:
        yield made
    finally:
        await asyncio.to_thread(around.__exit__, None, None, None)


@contextmanager
def _servers() -> Iterator[Installation]:
    with (
        tempfile.TemporaryDirectory(prefix="registrywatcher-") as directory,
        EmbeddedPostgres(_enterable(Path(directory)), durable=False) as postgres,
        EmbeddedValkey(_enterable(Path(directory) / "valkey")) as valkey,
    ):
        migrate(postgres.url)
        (Path(directory) / "installation").mkdir()
        with installation(Path(directory) / "installation", database_url=postgres.url, redis_url=valkey.url) as made:
            yield made


def _enterable(directory: Path) -> Path:
    directory.mkdir(exist_ok=True)
    directory.chmod(0o711)
    return directory


if __name__ == "__main__":
    asyncio.run(main())
