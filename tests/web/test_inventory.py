"""Completeness: roles, labels, statuses and the API description cover every route and value."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount, Route

from app import errors
from app.domain.acceptance import Acceptance
from app.domain.condition import Condition
from app.domain.decision import HoldReason
from app.domain.rollout import Origin, OutcomeKind, RolloutState
from app.domain.timeline import EntryKind, FoundBy
from app.domain.unreleased import NoReleaseKind
from app.domain.why.outcome import TagOutcome
from app.services.commands.audit import AuditAction
from app.services.views import board
from app.web.api import openapi
from app.web.api.rule_change import MAX_BODY
from app.web.http import responses
from app.web.http.assets import FOLDER, Assets
from app.web.http.auth import Role
from app.web.render import labels
from app.web.routes import PAGES, TABLE, routes
from tests.web.process import MemoryProcess
from tests.web.values import SUMMARY

METHODS = {"get", "post", "put", "patch", "delete"}
OPEN_ROUTES = ("/webhooks/{source}", "/login", "/logout", "/favicon.ico")


def described() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(openapi.FILE).read_text())
    return document


def test_every_route_is_in_the_table_and_declares_its_role() -> None:
    made = [(route.path, route.methods) for route in routes(Assets()) if isinstance(route, Route)]
    declared = [(each.path, {each.method}) for each in (*TABLE, *PAGES)]
    assert [(path, (methods or set()) - {"HEAD"}) for path, methods in made] == declared
    assert len(made) == len({(path, *sorted(methods or ())) for path, methods in made})
    assert all(isinstance(each.needs, Role) for each in (*TABLE, *PAGES))
    assert [route.path for route in routes(Assets()) if isinstance(route, Mount)] == ["/static"]


def test_every_writing_route_needs_a_deployer_at_least() -> None:
    """Except webhooks, which check their own secret, and the login."""
    writing = [each for each in (*TABLE, *PAGES) if each.method != "GET" and each.path not in OPEN_ROUTES]
    assert writing
    assert [each for each in writing if each.needs < Role.DEPLOYER] == []


def test_pages_need_a_viewer_and_confirmations_the_role_of_their_action() -> None:
    assert [each for each in PAGES if each.needs < Role.VIEWER and each.path not in OPEN_ROUTES] == []
    confirmations: dict[str, set[Role]] = {}
    for each in PAGES:
        if each.path.startswith("/confirm/"):
            confirmations.setdefault(each.path, set()).add(each.needs)
    assert [path for path, needs in confirmations.items() if len(needs) > 1 or needs < {Role.DEPLOYER}] == []
    assert confirmations["/confirm/pause"] == confirmations["/confirm/resume"] == {Role.ADMIN}


def test_an_action_needs_the_same_role_on_a_page_as_over_the_api() -> None:
    api = {each.path.rpartition("/")[2]: each.needs for each in TABLE if each.method == "POST"}
    for each in PAGES:
        name = each.path.split("/")[2] if each.path.startswith("/confirm/") else ""
        assert each.needs == api.get(name, each.needs), each


def test_the_description_has_the_routes_and_their_roles() -> None:
    described_roles = {
        (method.upper(), path): operation["x-role"]
        for path, operations in described()["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    }
    assert described_roles == {(each.method, each.path.replace(":path", "")): each.needs.name.lower() for each in TABLE}


def test_the_descriptions_references_resolve() -> None:
    document = described()
    text = json.dumps(document)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"]


def test_the_description_of_listed_values_has_their_keys() -> None:
    schemas = described()["components"]["schemas"]
    for kind in (board.TimelineEntry, board.DeliverySummary, board.Missed):
        assert list(schemas[kind.__name__]["properties"]) == [each.name for each in fields(kind)]
    assert schemas["TimelineEntry"]["properties"]["kind"]["enum"] == list(EntryKind)
    assert schemas["TimelineEntry"]["properties"]["found_by"]["enum"] == list(FoundBy)
    assert schemas["ExplainedTag"]["properties"]["outcome"]["enum"] == list(TagOutcome)
    assert schemas["ExplainedTag"]["properties"]["no_release"]["enum"] == [*NoReleaseKind, None]
    assert schemas["DeliverySummary"]["properties"]["acceptance"]["enum"] == list(Acceptance)


def test_the_description_is_served() -> None:
    with MemoryProcess().client() as client:
        assert client.get("/api/openapi.json").json() == described()


@pytest.mark.parametrize("reason", HoldReason)
def test_each_hold_reason_has_its_label(reason: HoldReason) -> None:
    assert labels.HOLDS.get(reason), f"app/web/render/labels.py: HOLDS lacks {reason}"
    assert len(set(labels.HOLDS.values())) == len(labels.HOLDS)


def test_each_outcome_state_and_origin_has_its_label() -> None:
    assert set(labels.OUTCOMES) == set(labels.OUTCOME_TONES) == set(OutcomeKind)
    assert set(labels.STATES) == set(RolloutState)
    assert set(labels.TAG_OUTCOMES) == set(labels.TAG_TONES) == set(TagOutcome)
    assert set(labels.ORIGINS) == set(Origin)
    assert labels.progress_tone(SUMMARY) == "bad"


def test_each_condition_entry_action_and_acceptance_has_its_label() -> None:
    assert set(labels.CONDITIONS) == set(labels.TONES) == set(Condition)
    assert set(labels.HOLD_TONES) == set(HoldReason)
    assert set(labels.ENTRIES) == set(EntryKind)
    assert set(labels.FOUND_BY) == set(FoundBy)
    assert set(labels.AUDIT_ACTIONS) == set(AuditAction)
    assert set(labels.ACCEPTANCES) == set(labels.ACCEPTANCE_TONES) == set(Acceptance)
    for wording in (labels.CONDITIONS, labels.ENTRIES, labels.AUDIT_ACTIONS, labels.ACCEPTANCES, labels.OUTCOMES):
        assert len(set(wording.values())) == len(wording)


def test_each_tone_is_a_colour_in_the_light_and_the_dark_style() -> None:
    tones = {*labels.TONES.values(), *labels.OUTCOME_TONES.values(), *labels.ACCEPTANCE_TONES.values()}
    sheet = (FOLDER / "page.css").read_text()
    assert [tone for tone in tones if sheet.count(f"--{tone}:") != 2 or sheet.count(f"--{tone}-ground:") != 2] == []


def test_each_error_has_its_status() -> None:
    classes = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.RegistryWatcherError)
    }
    assert set(responses.STATUS) == classes
    assert all(status in (400, 500, 503) for status in responses.STATUS.values())


def test_an_error_of_another_module_has_its_nearest_status() -> None:
    class Silent(errors.NomadUnavailable):
        pass

    assert responses.status_of(Silent("x")) == 503
    assert responses.status_of(errors.Rejected("x", status=413)) == 413


def test_the_documented_body_limit_is_the_real_one() -> None:
    assert MAX_BODY == 64 * 1024
