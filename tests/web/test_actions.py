"""Checking and replaying need no confirmation: the result appears beside the button."""

import json
from dataclasses import replace
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from tests.unit.webhooks.bodies import envelope, push
from tests.web.outline import outline
from tests.web.process import MemoryProcess, MemorySettings
from tests.web.samples import DELIVERY, ODD, full_process

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REPLAY = f"/confirm/replay/{DELIVERY}"


@pytest.fixture
def process() -> MemoryProcess:
    return full_process()


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://localhost:8080/?q=app&state=held", "/?q=app&state=held"),
        ("http://localhost:8080/repos/team/app", "/repos/team/app"),
        ("http://evil.example/", "/repos/app"),
        ("http://[", "/repos/app"),
        ("", "/repos/app"),
    ],
)
def test_a_check_redirects_to_the_page_of_its_button(
    process: MemoryProcess, browser: TestClient, referer: str, back: str
) -> None:
    answer = browser.post("/confirm/check/app", headers={**FORM, "Referer": referer})
    assert (answer.status_code, answer.headers["Location"]) == (303, back)
    assert process.watch_commands.checked == ["app"]
    assert process.waker.wakes == [("reconcile", "1")]
    assert "Checking app now" in outline(browser, back).text
    assert "Checking app now" not in outline(browser, back).text


def test_a_check_by_script_is_confirmed_in_place(process: MemoryProcess, script: TestClient) -> None:
    answer = script.post("/confirm/check/app", headers=FORM)
    assert answer.status_code == 204
    assert json.loads(answer.headers["HX-Trigger"]) == {"flash": {"message": "Checking app now"}}


def test_a_refused_action_shows_the_cause_on_its_page(
    process: MemoryProcess, browser: TestClient, script: TestClient
) -> None:
    answer = browser.post("/confirm/check/nobody", headers={**FORM, "Referer": "http://localhost:8080/?q=x"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?q=x")
    page = outline(browser, "/")
    assert "'nobody' is not being watched" in page.text
    assert [attributes for _, attributes in page.elements if attributes.get("class") == "banner bad"]
    beside = script.post("/confirm/check/nobody", headers=FORM)
    assert beside.status_code == 400
    assert "nobody" in beside.text


@pytest.mark.parametrize("path", ["/confirm/check/app", REPLAY])
def test_only_a_form_of_our_own_page_runs_the_action(process: MemoryProcess, script: TestClient, path: str) -> None:
    assert script.post(path, headers={**FORM, "Origin": "http://evil.example"}).status_code == 403
    assert script.post(path, json={}).status_code == 415
    assert script.post(path, content=b"a=%ff", headers=FORM).status_code == 400
    assert script.get(path).status_code == 405
    assert process.watch_commands.checked == []
    assert process.inbox.replayed == []


def test_a_delivery_is_replayed(process: MemoryProcess, browser: TestClient) -> None:
    act = outline(browser, f"/deliveries/{DELIVERY}").form("/confirm/replay/")
    answer = browser.post(act.action, headers=FORM)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/deliveries/{DELIVERY}")
    assert "Replayed 2 events for app" in outline(browser, f"/deliveries/{DELIVERY}").text
    assert process.inbox.replayed == [(DELIVERY, "")]
    assert process.waker.wakes == [("reconcile", "1")]


def test_a_malformed_delivery_is_replayed_by_the_dialect_of_its_source(
    process: MemoryProcess, script: TestClient
) -> None:
    delivery, duplicates, events = process.inbox.deliveries[ODD]
    body = envelope(push(tag="v1.2.0"))
    process.inbox.deliveries[ODD] = (replace(delivery, body=body), duplicates, events)
    read = script.post(f"/confirm/replay/{ODD}", headers=FORM)
    assert read.status_code == 204
    assert "Replayed 1 event for app" in read.headers["HX-Trigger"]
    process.settings = MemorySettings()
    refused = script.post(f"/confirm/replay/{ODD}", headers=FORM)
    assert refused.status_code == 409
    assert "put [webhooks.distribution] back" in refused.text


@pytest.mark.parametrize("identifier", ["nonsense", str(UUID(int=99))])
def test_an_unknown_delivery(script: TestClient, identifier: str) -> None:
    answer = script.post(f"/confirm/replay/{identifier}", headers=FORM)
    assert answer.status_code == 404
    assert "no such delivery" in answer.text
