"""Every button, pressed twice in a row: one request, one effect."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from playwright.async_api import Locator, Page, expect

from app.simulators.nomad import Fate
from tests.ui.browsing import Browsing
from tests.ui.controls import check_now, open_confirmation, pick, switch, toast
from tests.ui.installation import Installation


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A button: how a person reaches it from the watch's page or the list, and the effect of one press."""

    find: Callable[[Installation, Page, str], Awaitable[Locator]]
    path: str
    action: str
    registered: tuple[str, ...] = ()


async def _deploy(_scene: Installation, page: Page, app: str) -> Locator:
    await page.goto("/")
    return await pick(page, app, "v1.0.0")


async def _redeploy(_scene: Installation, page: Page, app: str) -> Locator:
    await page.goto(f"/repos/{app}")
    opened = await open_confirmation(page, "Redeploy v1.1.0…", f"Deploy {app}")
    return opened.get_by_role("button", name="Redeploy v1.1.0", exact=True)


async def _reset(scene: Installation, page: Page, app: str) -> Locator:
    scene.site.nomad.set_image(app, group="app", task="server", image=f"{scene.host}/team/{app}:v1.0.0")
    await page.goto(f"/repos/{app}")
    return (await open_confirmation(page, "Reset…", f"Reset {app}")).get_by_role("button", name="Reset", exact=True)


async def _switch_off(_scene: Installation, page: Page, app: str) -> Locator:
    await page.goto("/")
    opened = await open_confirmation(page, switch(page, app, on=True), f"Switch auto deploy of {app} off")
    return opened.get_by_role("button", name="Switch off")


async def _switch_on(scene: Installation, page: Page, app: str) -> Locator:
    await scene.command(app, auto_deploy=False)
    await page.goto(f"/repos/{app}")
    opened = await open_confirmation(page, switch(page, app, on=False), f"Switch auto deploy of {app} on")
    return opened.get_by_role("button", name="Switch on")


async def _release(scene: Installation, page: Page, app: str) -> Locator:
    scene.site.nomad.judge(f"team/{app}:v2.0.0", Fate.EXITS_NONZERO)
    await scene.push(app, "v2.0.0")
    await scene.holds(app, "failed_before")
    scene.site.nomad.pardon(f"team/{app}:v2.0.0")
    await page.goto(f"/repos/{app}")
    opened = await open_confirmation(page, "Release hold…", f"Release hold of {app}")
    return opened.get_by_role("button", name="Release", exact=True)


async def _roll_back(scene: Installation, page: Page, app: str) -> Locator:
    await scene.push(app, "v1.2.0")
    await scene.registers(app, ["v1.2.0"])
    await scene.holds(app, "up_to_date")
    await page.goto(f"/repos/{app}")
    link = page.get_by_role("link", name=re.compile(r"^Roll back to v1\.1\.0…")).first
    opened = await open_confirmation(page, link, f"Roll back {app} to v1.1.0")
    return opened.get_by_role("button", name="Roll back to v1.1.0", exact=True)


async def _check(_scene: Installation, page: Page, app: str) -> Locator:
    await page.goto("/")
    return check_now(page, app)


async def _replay(scene: Installation, page: Page, app: str) -> Locator:
    digest = scene.registry.history(f"team/{app}", "v1.1.0")[-1].digest
    await page.goto(await scene.deliver_push(app, "v1.1.0", digest or ""))
    return page.get_by_role("button", name="Replay")


PRESSES = {
    "deploy": Press(find=_deploy, path="/confirm/deploy/{app}", action="pin", registered=("v1.0.0",)),
    "redeploy": Press(find=_redeploy, path="/confirm/deploy/{app}", action="redeploy", registered=("v1.1.0",)),
    "reset": Press(find=_reset, path="/confirm/reset/{app}", action="reset", registered=("v1.1.0",)),
    "switch-off": Press(find=_switch_off, path="/confirm/switch-off/{app}", action="switch"),
    "switch-on": Press(find=_switch_on, path="/confirm/switch-on/{app}", action="switch"),
    "release": Press(
        find=_release, path="/confirm/release/{app}", action="release", registered=("v2.0.0", "v1.1.0", "v2.0.0")
    ),
    "roll-back": Press(find=_roll_back, path="/confirm/rollback/", action="rollback", registered=("v1.2.0", "v1.1.0")),
    "check": Press(find=_check, path="/confirm/check/{app}", action="check"),
    "replay": Press(find=_replay, path="/confirm/replay/", action="replay"),
}


@pytest.mark.parametrize("name", PRESSES)
async def test_a_button_pressed_twice_sends_one_request(
    scene: Installation, browser: Browsing, app: str, name: str
) -> None:
    press = PRESSES[name]
    button = await press.find(scene, browser.page, app)
    await expect(button).to_be_enabled()
    before = await _message(scene)
    await button.dblclick()
    await expect(toast(browser.page, re.compile("."))).to_be_visible()
    await scene.registers(app, press.registered)
    assert len(browser.asked(f"POST {press.path.format(app=app)}")) == 1
    assert len(browser.asked("POST ")) == 1
    said = (await _message(scene))[len(before) :]
    assert len(said) == 1, said
    await browser.page.goto(f"/activity?repo={app}&kind=command")
    await scene.registers(app, press.registered)


async def test_enter_pressed_in_a_hurry(scene: Installation, browser: Browsing, app: str) -> None:
    button = await _deploy(scene, browser.page, app)
    await button.focus()
    for _ in range(4):
        await browser.page.keyboard.press("Enter")
    await scene.registers(app, ["v1.0.0"])
    await scene.holds(app, "up_to_date")
    assert len(browser.asked("POST ")) == 1
    assert len(await scene.rollouts(app)) == 1


@pytest.mark.parametrize(("watch", "link", "button"), [
    ("canary-3", "Promote the canaries…", "Promote"),
    ("canary-4", "Fail the deployment…", "Fail the deployment"),
])  # fmt: skip
async def test_canary_buttons_pressed_twice_send_one_request(
    scene: Installation, browser: Browsing, watch: str, link: str, button: str
) -> None:
    await scene.push(watch, "v1.1.0")
    await scene.awaits_promotion(watch)
    await browser.page.goto(f"/repos/{watch}")
    opened = await open_confirmation(browser.page, link, f"{button.split()[0]} {watch} v1.1.0")
    before = await _message(scene)
    await opened.get_by_role("button", name=button, exact=True).dblclick()
    await expect(opened).to_be_hidden()
    await scene.holds(watch, "up_to_date" if button == "Promote" else "failed_before")
    assert len(browser.asked("POST ")) == 1
    assert len(await _message(scene)) == len(before) + 1


async def test_pause_and_resume_pressed_twice_send_one_request(scene: Installation, browser: Browsing) -> None:
    page = browser.page
    await page.goto("/deliveries")
    before = await _message(scene)
    for number, (link, title) in enumerate((
        ("Pause everything…", "Pause everything"), ("Resume everything…", "Resume everything"),
    ), 1):  # fmt: skip
        opened = await open_confirmation(page, link, title)
        await opened.get_by_role("button", name=title).dblclick()
        await expect(opened).to_be_hidden()
        assert len(browser.asked("POST ")) == number
        assert len(await _message(scene)) == len(before) + number


async def _message(scene: Installation) -> list[str]:
    """The actions in the audit log, in order."""
    return [row["action"] for row in await scene.fetch("SELECT action FROM audit_log ORDER BY entry_id")]
