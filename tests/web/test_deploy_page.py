"""The deploy page: all tags in a useful order, a preview of each, and one deploy per form."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient

from app.domain.job import Preview
from app.errors import NomadUnavailable, RegistryUnavailable, StoreUnavailable
from app.services.views.board import TagView
from app.services.views.queries import WatchView
from app.web.pages.deploy import SHOWN
from tests.fakes.registry import digest_of
from tests.web.outline import Outline, outline
from tests.web.process import MemoryProcess
from tests.web.values import COMMIT, NOW, WATCH

PAGE = "/confirm/deploy/app"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def tags(page: Outline) -> list[str]:
    """What can be chosen, in order."""
    return [attributes["value"] for _, attributes in page.elements if attributes.get("type") == "radio"]


def chosen(page: Outline) -> list[str]:
    return [attributes["value"] for _, attributes in page.elements if "checked" in attributes]


def form(tag: str, rule: str = "pin", **more: str) -> dict[str, str]:
    return {"idempotency_key": str(uuid4()), "tag": tag, "rule": rule, **more}


def show(process: MemoryProcess, found: WatchView) -> None:
    process.queries.known = process.board.known = (found,)


def test_releases_first_in_their_order_then_names_then_commit_ids(process: MemoryProcess, browser: TestClient) -> None:
    show(process, replace(WATCH, tags=(COMMIT, "v1.9.0", "latest", "v1.10.0", "edge")))
    page = outline(browser, PAGE)
    assert tags(page) == ["v1.10.0", "v1.9.0", "edge", "latest", COMMIT]
    assert "5 tags" in page.text
    assert chosen(page) == []
    assert "Choose a tag" in page.text


def test_finding_a_tag_ignores_case_and_position(process: MemoryProcess, browser: TestClient) -> None:
    page = outline(browser, f"{PAGE}?find=%20BRANCH%20")
    assert tags(page) == [f"branch-{COMMIT}"]
    nothing = outline(browser, f"{PAGE}?find=nothing")
    assert tags(nothing) == []
    assert "No tag contains that text." in nothing.text
    show(process, replace(WATCH, tags=()))
    assert "0 tags" in outline(browser, PAGE).text
    assert "The registry has no tags: push one." in outline(browser, PAGE).text


@pytest.mark.parametrize(
    ("find", "highlighted"),
    [
        ("1.4.1", ["v1.4.1"]),
        ("V1.4.1", ["v1.4.1"]),
        ("1.4.2", ["v1.4.2"]),
        ("4.2", ["v1.4.2"]),
        ("v1.4", []),
        ("v1.", ["v1.5.0"]),
        ("nothing", []),
        ("", ["v1.5.0"]),
    ],
)
def test_the_typed_text_moves_the_highlight(
    process: MemoryProcess, script: TestClient, find: str, highlighted: list[str]
) -> None:
    show(process, replace(WATCH, tags=("v1.4.1", "v1.4.10", "v1.4.2", "v1.5.0")))
    answer = script.get(PAGE, params={"find": find, "tag": "v1.5.0"}, headers={"HX-Target": "tags"})
    page = Outline(answer.text)
    assert chosen(page) == highlighted
    assert "do" not in page.ids


def test_a_tag_that_does_not_contain_the_text_has_no_button(process: MemoryProcess, browser: TestClient) -> None:
    """Without a script: the form is sent with the tag that was chosen before."""
    page = outline(browser, f"{PAGE}?find=nothing&tag=v1.0.0")
    assert "No tag contains nothing , so nothing can be deployed" in page.text
    assert not [attributes for tag, attributes in page.elements if attributes.get("id") == "do"]
    show(process, replace(WATCH, tags=("v1.0.0", "v1.1.0")))
    page = outline(browser, f"{PAGE}?find=v1.0&tag=v1.1.0")
    assert chosen(page) == ["v1.0.0"]
    assert "Deploy v1.0.0" in page.text
    page = outline(browser, f"{PAGE}?find=v1&tag=v1.1.0")
    assert chosen(page) == ["v1.1.0"]
    several = outline(browser, f"{PAGE}?find=v1&tag=other")
    assert "2 tags contain v1 : choose one" in several.text
    assert not [attributes for tag, attributes in several.elements if attributes.get("id") == "do"]


def test_a_highlighted_tag_that_is_gone_from_the_registry_is_in_the_list(
    process: MemoryProcess, script: TestClient
) -> None:
    show(process, replace(WATCH, tags=("v1.2.0",)))
    page = Outline(script.get(f"{PAGE}?tag=v1.1.0", headers={"HX-Target": "dialog-body"}).text)
    assert (tags(page), chosen(page)) == (["v1.1.0", "v1.2.0"], ["v1.1.0"])


def test_tags_that_were_never_read_are_not_said_to_be_none(process: MemoryProcess, browser: TestClient) -> None:
    show(process, replace(WATCH, tags=(), tags_read_at=None, decision=None))
    text = outline(browser, PAGE).text
    assert "The tags are not read yet" in text
    assert "They are read at the first check" in text
    assert "0 tags" not in text


def test_many_tags_are_cut_but_keep_the_chosen_one(process: MemoryProcess, browser: TestClient) -> None:
    many = tuple(f"v1.{number}.0" for number in range(SHOWN + 30))
    show(process, replace(WATCH, tags=many))
    page = outline(browser, PAGE)
    assert (len(tags(page)), tags(page)[0]) == (SHOWN, many[-1])
    assert f"{SHOWN + 30} tags, the first {SHOWN} shown: type to narrow" in page.text
    process.registries.push("team/app", "v1.0.0")
    found = outline(browser, f"{PAGE}?tag=v1.0.0")
    assert chosen(found) == ["v1.0.0"]
    assert len(tags(found)) == SHOWN


def test_the_chosen_tag_shows_its_preview(process: MemoryProcess, browser: TestClient) -> None:
    process.board.tags_seen = {"v1.0.0": TagView(tag="v1.0.0", first_found_at=NOW, digest="")}
    updates = {"web": "2 are replaced, one after another"}
    process.deployer.plan = Preview(
        updates=updates, unplaced="no node has 4 GB", warnings="group web has no update block"
    )
    page = outline(browser, f"{PAGE}?tag=v1.0.0")
    assert chosen(page) == ["v1.0.0"]
    for expected in (
        digest_of("v1.0.0"),
        "0 s ago",
        "web/ server",
        *updates.values(),
        "no node has 4 GB",
        "no update block",
    ):
        assert expected in page.text
    assert "registry.example/team/app:v1.0.0" in page.text
    assert page.by_id("do").get("disabled") is None
    assert process.watch_commands.commands == []


@pytest.mark.parametrize(
    ("watch", "tag", "button", "rule", "afterwards"),
    [
        (WATCH, "v1.0.0", "Deploy v1.0.0", "pin", "pinned to v1.0.0 until a reset"),
        (WATCH, "v1.1.0", "Redeploy v1.1.0", "keep", "still follows releases"),
        (replace(WATCH, desired="v1.0.0"), "v1.0.0", "Deploy v1.0.0", "keep", "still follows releases"),
        (replace(WATCH, pinned_tag="test", desired="test"), "test", "Deploy test", "keep", "stays pinned to test"),
        (replace(WATCH, pinned_tag="test", desired=""), "test", "Deploy test", "keep", "stays pinned to test"),
    ],
)
def test_the_label_and_the_rule_follow_the_choice(
    process: MemoryProcess, browser: TestClient, watch: WatchView, tag: str, button: str, rule: str, afterwards: str
) -> None:
    show(process, watch)
    page = outline(browser, f"{PAGE}?tag={tag}")
    assert button in page.text
    assert afterwards in page.text
    assert dict(_act(page))["rule"] == rule


def test_a_redeploy_keeps_the_rule_and_another_tag_is_pinned(process: MemoryProcess, browser: TestClient) -> None:
    assert browser.post(PAGE, data=form("v1.1.0", "keep")).status_code == 303
    assert browser.post(PAGE, data=form("v1.0.0", "pin")).status_code == 303
    first, second = process.watch_commands.commands
    assert (first.pinned_tag, first.auto_deploy, first.deploy_request and first.deploy_request.tag) == (
        None,
        None,
        "v1.1.0",
    )
    assert (second.pinned_tag, second.auto_deploy, second.deploy_request and second.deploy_request.tag) == (
        "v1.0.0",
        None,
        "v1.0.0",
    )


def test_the_same_form_twice_is_one_deploy(process: MemoryProcess, browser: TestClient) -> None:
    sent = form("v1.0.0")
    answers = [browser.post(PAGE, data=sent) for _ in range(2)]
    assert [each.status_code for each in answers] == [303, 303]
    assert len(process.watch_commands.commands) == 1
    assert process.watch_commands.commands[0].idempotency_key == UUID(sent["idempotency_key"])


def test_the_page_makes_a_new_key_each_time(browser: TestClient) -> None:
    keys = [dict(_act(outline(browser, f"{PAGE}?tag=v1.0.0")))["idempotency_key"] for _ in range(2)]
    assert len(set(map(UUID, keys))) == 2


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        (form("v9.9.9"), 400, "v9.9.9"),
        (form("no tag"), 400, "is not a tag"),
        (form(""), 400, "no tag is chosen"),
        (form("v1.0.0", "nonsense"), 400, "keep or pin"),
        (form("v1.0.0", idempotency_key=""), 400, "lacks its idempotency key"),
        (form("v1.0.0", idempotency_key="nonsense"), 400, "lacks its idempotency key"),
        ({}, 400, "lacks its idempotency key"),
    ],
)
def test_a_refusal_is_shown_on_the_page_and_beside_the_button(
    process: MemoryProcess, browser: TestClient, script: TestClient, sent: dict[str, str], status: int, message: str
) -> None:
    page = browser.post(PAGE, data=sent, headers=FORM)
    assert page.status_code == status
    assert message in Outline(page.text).text
    assert tags(Outline(page.text))
    beside = script.post(PAGE, data=sent, headers=FORM)
    assert (beside.status_code, beside.headers["content-type"]) == (status, "text/plain; charset=utf-8")
    assert message in beside.text
    assert process.watch_commands.commands == []


@pytest.mark.parametrize(
    "outage", [RegistryUnavailable("the registry is away: try again later"), StoreUnavailable("Postgres is away")]
)
def test_nothing_is_deployed_during_an_outage(process: MemoryProcess, script: TestClient, outage: Exception) -> None:
    process.registries.outage = outage
    answer = script.post(PAGE, data=form("v1.0.0"))
    assert (answer.status_code, answer.text) == (503, str(outage))
    assert process.watch_commands.commands == []


def test_a_deploy_without_a_preview_is_disabled(process: MemoryProcess, browser: TestClient) -> None:
    for url in (f"{PAGE}?tag=v9.9.9", f"{PAGE}?tag=%3Cscript%3E", f"{PAGE}?tag=%00"):
        page = outline(browser, url)
        assert page.by_id("do").get("disabled") is not None
        assert [attributes for _, attributes in page.elements if attributes.get("role") == "alert"]
    process.deployer.outage = NomadUnavailable("Nomad is away")
    page = outline(browser, f"{PAGE}?tag=v1.0.0")
    assert "Nomad is away" in page.text
    assert page.by_id("do").get("disabled") is not None


def test_a_dialog_opens_before_the_registry_is_asked(process: MemoryProcess, script: TestClient) -> None:
    process.registries.outage = RegistryUnavailable("outages")
    answer = script.get(PAGE, headers={"HX-Target": "dialog-body"})
    page = Outline(answer.text)
    assert process.registries.asked == 0
    assert chosen(page) == ["v1.1.0"]
    assert page.by_id("preview")["hx-get"] == f"{PAGE}?tag=v1.1.0"
    assert "Loading the preview of v1.1.0 from the registry and Nomad" in page.text


def test_an_unknown_repository_is_404(browser: TestClient) -> None:
    assert outline(browser, "/confirm/deploy/nobody", status=404)
    assert browser.post("/confirm/deploy/nobody", data=form("v1.0.0")).status_code == 404


def _act(page: Outline) -> list[tuple[str, str]]:
    (act,) = (each for each in page.forms if each.method == "post" and each.action == PAGE)
    return act.fields
