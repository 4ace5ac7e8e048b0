"""The state of webhook sources, unknown ones first; and setup snippets that the registry accepts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import tomli

from app.domain.acceptance import Acceptance
from app.services.views.board import DeliveryListing, Situation, SourceHealth
from app.services.views.queries import UnknownSource
from app.settings.secret import Secret
from app.settings.values import WebhookSource
from app.web.pages.sources import SourceView, setup_snippets, sources
from app.webhooks import DIALECTS
from tests.unit.packaging.documents import nested, read
from tests.unit.web.requests import request
from tests.web.values import NOW

QUIET = Situation(
    now=NOW, paused=False, paused_by="", paused_at=NOW, outages=(), unknown_sources=(), unsent_notifications=0
)
SOURCE = WebhookSource(kind="distribution", secrets=(Secret("s3cret"),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    webhook_sources: Mapping[str, WebhookSource] = field(default_factory=dict)
    external_url: str = ""


def listed(*names: str, health: tuple[SourceHealth, ...] = (), unconfigured: tuple[str, ...] = ()) -> list[SourceView]:
    found = DeliveryListing(deliveries=(), sources=health, missed=())
    unknown = tuple(UnknownSource(source=name, deliveries=3, last_at=NOW) for name in unconfigured)
    return sources(dict.fromkeys(names), found, replace(QUIET, unknown_sources=unknown))


def test_an_active_source_counts_the_deliveries_of_its_last_day() -> None:
    active = SourceHealth(source="a", last_at=NOW, day={Acceptance.ACCEPTED: 3, Acceptance.DUPLICATE: 1})
    (source,) = listed("a", health=(active,))
    assert (source.tone, source.message, source.last_at) == ("good", "Its deliveries arrive.", NOW)
    assert source.day == "3 accepted, 1 duplicate"


def test_a_source_with_malformed_deliveries_is_marked() -> None:
    (source,) = listed("a", health=(SourceHealth(source="a", last_at=NOW, day={Acceptance.QUARANTINED: 1}),))
    assert source.tone == "waiting"
    assert "malformed" in source.message


def test_a_silent_source_mentions_polling() -> None:
    never = SourceHealth(source="a", last_at=None, day={})
    for health in ((), (never,)):
        (source,) = listed("a", health=health)
        assert (source.tone, source.last_at) == ("waiting", None)
        assert "polling" in source.message


def test_an_unknown_source_is_first_until_it_is_configured() -> None:
    found = listed("z", "a", unconfigured=("harbor", "a"))
    assert [(each.name, each.configured) for each in found] == [("harbor", False), ("a", True), ("z", True)]
    assert found[0].tone == "bad"


def test_without_a_source_both_setup_snippets_are_shown() -> None:
    ours, theirs, *others = setup_snippets(Settings(), request())
    assert tomli.loads(ours.text) == {"webhooks": {"distribution": {"secret": "$YOUR_WEBHOOK_SECRET"}}}
    assert "url: http://localhost:8080/webhooks/distribution" in theirs.text
    assert len(others) >= len(DIALECTS) - 1


def test_the_setup_snippet_is_the_shipped_one_with_our_url() -> None:
    settings = Settings(webhook_sources={"distribution": SOURCE}, external_url="https://deploys.example/")
    (block,) = setup_snippets(settings, request())
    assert "url: https://deploys.example/webhooks/distribution" in block.text
    shipped = nested(read("config/registry.yml"), "notifications")
    assert nested(block.text, "notifications").replace("https://deploys.example", "http://localhost:8080") == shipped


def test_each_source_has_its_setup_snippet() -> None:
    blocks = setup_snippets(Settings(webhook_sources={"a": SOURCE, "b": SOURCE}), request())
    assert [f"/webhooks/{name}\n" in block.text for name, block in zip("ab", blocks, strict=True)] == [True, True]


def test_a_source_without_a_secret_gets_both_setup_snippets() -> None:
    settings = Settings(webhook_sources={"main": WebhookSource(kind="distribution", secrets=())})
    ours, theirs = setup_snippets(settings, request())
    assert "[webhooks.main]" in ours.text
    assert "/webhooks/main\n" in theirs.text
