"""The deliveries page: the state of each source, its deliveries and their results, and setup snippets."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from app.domain.acceptance import Acceptance
from app.web.pages.deliveries import SHOWN
from app.web.render import labels
from tests.web.outline import outline
from tests.web.process import MemoryProcess, MemorySettings
from tests.web.samples import DELIVERY, ODD, deliveries, full_process
from tests.web.values import NOW


@pytest.fixture
def process() -> MemoryProcess:
    return full_process()


def test_sources_show_their_state_and_unknown_ones_come_first(browser: TestClient) -> None:
    page = outline(browser, "/deliveries")
    assert page.text.index("harbor") < page.text.index("distribution") < page.text.index("quay")
    for expected in (
        "Not configured",
        "/webhooks/harbor",
        "[webhooks.harbor]",
        "In the last day: 2 quarantined.",
        "never",
    ):
        assert expected in page.text


def test_changes_that_only_polling_found_are_listed(browser: TestClient) -> None:
    text = outline(browser, "/deliveries").text
    assert "Only polling found 1 change" in text
    assert "v1.2.0" in text


@pytest.mark.parametrize("acceptance", Acceptance)
def test_each_acceptance_has_its_label_and_filter(browser: TestClient, acceptance: Acceptance) -> None:
    page = outline(browser, f"/deliveries?became={acceptance}")
    assert len([link for link in page.links if link.startswith("/deliveries/")]) == 1
    assert labels.ACCEPTANCES[acceptance] in page.text
    selected = [attributes.get("value") for _, attributes in page.elements if "selected" in attributes]
    assert selected == [acceptance.value]


@pytest.mark.parametrize("query", ["before=nonsense", "source=&became=", "source=%00", "before=x+y"])
def test_empty_filters_and_an_invalid_page_are_ignored(client: TestClient, query: str) -> None:
    assert client.get(f"/deliveries?{query}").json() == client.get("/deliveries").json()


@pytest.mark.parametrize(
    ("query", "fix"),
    [
        ("became=nonsense", "became='nonsense' is unknown: use accepted, duplicate, ignored or quarantined"),
        ("source=nobody", "source='nobody' is unknown: use "),
        ("acceptance=ignored", "filter 'acceptance' is unknown: use became, before or source"),
    ],
)
def test_unknown_filters_are_refused(client: TestClient, query: str, fix: str) -> None:
    answer = client.get(f"/deliveries?{query}")
    assert answer.status_code == 400
    assert fix in answer.json()["message"]


def test_a_source_is_refused_before_any_exists(process: MemoryProcess, client: TestClient) -> None:
    process.board.sources, process.settings = (), MemorySettings()
    assert "leave it out" in client.get("/deliveries?source=nobody").json()["message"]


def test_an_empty_filter_and_no_deliveries_have_different_texts(process: MemoryProcess, browser: TestClient) -> None:
    process.board.sent = ()
    filtered = outline(browser, "/deliveries?source=distribution&became=accepted")
    assert "The filter found no delivery" in filtered.text
    assert "/deliveries" in filtered.links
    process.board.sent, process.board.sources, process.settings = (), (), MemorySettings()
    page = outline(browser, "/deliveries")
    assert "None yet." in page.text
    assert "[webhooks.distribution]" in page.text
    assert "url: http://localhost:8080/webhooks/distribution" in page.text
    assert "open" in page.by_id("setup")


def test_older_deliveries_have_a_link(process: MemoryProcess, browser: TestClient, client: TestClient) -> None:
    one = next(deliveries())
    process.board.sent = tuple(
        replace(one, delivery_id=UUID(int=1000 - number), received_at=NOW - timedelta(minutes=number))
        for number in range(SHOWN + 1)
    )
    older = outline(browser, "/deliveries?source=distribution").link("/deliveries?source=distribution&before=")
    page = outline(browser, older)
    assert f"/deliveries/{UUID(int=1000 - SHOWN)}" in page.links
    assert "/deliveries?source=distribution" in page.links
    assert client.get("/deliveries").json()["older"]
    assert client.get(older).json()["older"] is None


def test_api_clients_get_json(client: TestClient) -> None:
    found = client.get("/deliveries?became=quarantined").json()
    (one,) = found["deliveries"]
    assert (one["delivery_id"], one["acceptance"], one["size"]) == (str(ODD), "quarantined", 900)
    assert found["missed"][0]["tag"] == "v1.2.0"
    assert found["older"] is None


def test_a_delivery_shows_the_result_of_each_event(browser: TestClient) -> None:
    page = outline(browser, f"/deliveries/{DELIVERY}")
    for expected in ("Pushed", "team/ app", "Deleted", "not checked yet", "No watch has this repository", "2 accepted"):
        assert expected in page.text
    assert "/repos/app" in page.links
    assert page.form("/confirm/replay/").action == f"/confirm/replay/{DELIVERY}"


def test_malformed_parts_are_shown_with_their_place_and_problem(browser: TestClient) -> None:
    page = outline(browser, f"/deliveries/{ODD}")
    assert "Quarantined" in page.text
    assert "events[0]" in page.text


@pytest.mark.parametrize("identifier", ["nonsense", str(UUID(int=99))])
def test_an_unknown_delivery_page_is_404(browser: TestClient, identifier: str) -> None:
    assert "no such delivery" in outline(browser, f"/deliveries/{identifier}", status=404).text
