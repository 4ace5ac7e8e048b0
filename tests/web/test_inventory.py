"""The book kept straight: roles, wordings, statuses and the API's description cover everything there is."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount, Route

from app import errors
from app.domain.decision import HoldReason
from app.domain.rollout import Origin, OutcomeKind, RolloutState
from app.web import labels, openapi, respond
from app.web.auth import Role
from app.web.routes import TABLE, routes
from app.web.wishes import MAX_BODY
from tests.web.face import SUMMARY, Face

METHODS = {"get", "post", "put", "patch", "delete"}


def described() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(openapi.FILE).read_text())
    return document


def test_every_route_is_in_the_table_and_declares_its_role() -> None:
    made = [(route.path, route.methods) for route in routes() if isinstance(route, Route)]
    declared = [(each.path, {each.method}) for each in TABLE]
    assert [(path, (methods or set()) - {"HEAD"}) for path, methods in made] == declared
    assert all(isinstance(each.needs, Role) for each in TABLE)
    assert [route.path for route in routes() if isinstance(route, Mount)] == ["/static"]


def test_whatever_writes_needs_a_deployer_at_least() -> None:
    own_secret = ("/webhooks/", "/login", "/logout")  # they check a secret themselves, or only forget one
    writing = [each for each in TABLE if each.method != "GET" and not each.path.startswith(own_secret)]
    assert writing
    assert all(each.needs >= Role.DEPLOYER for each in writing)


def test_the_description_has_the_routes_and_their_roles() -> None:
    told = {
        (method.upper(), path): operation["x-role"]
        for path, operations in described()["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    }
    assert told == {(each.method, each.path.replace(":path", "")): each.needs.name.lower() for each in TABLE}


def test_the_descriptions_references_resolve() -> None:
    document = described()
    text = json.dumps(document)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"]


def test_the_description_is_served() -> None:
    with Face().client() as client:
        assert client.get("/api/openapi.json").json() == described()


@pytest.mark.parametrize("reason", HoldReason)
def test_each_reason_to_hold_has_its_wording(reason: HoldReason) -> None:
    assert labels.HOLDS[reason]
    assert len(set(labels.HOLDS.values())) == len(HoldReason)


def test_each_outcome_state_and_origin_has_its_wording() -> None:
    assert set(labels.OUTCOMES) == set(OutcomeKind)
    assert set(labels.STATES) == set(RolloutState)
    assert set(labels.ORIGINS) == set(Origin)
    assert labels.progress_tone(SUMMARY) == "bad"


def test_each_error_has_its_status() -> None:
    classes = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.RegistryWatcherError)
    }
    assert set(respond.STATUS) == classes
    assert all(status in (400, 500, 503) for status in respond.STATUS.values())


def test_an_error_of_another_module_has_its_nearest_status() -> None:
    class Silent(errors.NomadUnavailable):
        pass

    assert respond.status_of(Silent("x")) == 503
    assert respond.status_of(errors.Rejected("x", status=413)) == 413


def test_the_limit_is_told_as_it_is() -> None:
    assert MAX_BODY == 64 * 1024
