"""Challenges, token requests and tokens, as values."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.registry.auth.challenges import (
    BearerToken,
    Challenge,
    TokenRequest,
    basic,
    bearer,
    choose,
    parse_challenges,
    parse_token,
    token_request,
)

REALM = "https://auth.example.com/token"
BEARER = Challenge(scheme="bearer", realm=REALM, service="registry.example.com", scope="repository:team/app:pull,push")


@pytest.mark.parametrize(
    "header",
    [
        f'Bearer realm="{REALM}",service="registry.example.com",scope="repository:team/app:pull,push"',
        f'bearer scope="repository:team/app:pull,push" , SERVICE = "registry.example.com",Realm="{REALM}"',
        f'BEARER realm={REALM},service=registry.example.com,scope="repository:team/app:pull,push",error="x"',
        f'Bearer realm="{REALM}",realm="https://second.example.com",service="registry.example.\\com",'
        'scope="repository:team/app:pull,push"',
    ],
)
def test_a_bearer_challenge_is_read_in_any_spelling(header: str) -> None:
    assert parse_challenges([header]) == (BEARER,)


def test_several_challenges_are_separated() -> None:
    one = f'Negotiate abc==, Basic realm="a, b", Bearer realm="{REALM}"'
    found = parse_challenges([one, 'Digest realm="x"'])
    assert [challenge.scheme for challenge in found] == ["negotiate", "basic", "bearer", "digest"]
    assert [challenge.realm for challenge in found] == ["", "a, b", REALM, "x"]


@pytest.mark.parametrize("header", ["", " , ,", '"', 'realm="x"', "@@@", "=="])
def test_what_is_no_challenge_is_left_out(header: str) -> None:
    assert parse_challenges([header]) == ()


def test_a_broken_challenge_does_not_spoil_the_others() -> None:
    assert parse_challenges(['Bearer realm="unclosed', 'Basic realm="ok"']) == (
        Challenge(scheme="bearer"),
        Challenge(scheme="basic", realm="ok"),
    )


@given(st.lists(st.text(max_size=60), max_size=3))
def test_no_header_breaks_the_parser(headers: list[str]) -> None:
    choose(parse_challenges(headers))


@pytest.mark.parametrize(
    ("schemes", "chosen"),
    [
        ([("basic", ""), ("bearer", REALM)], "bearer"),
        ([("bearer", ""), ("basic", "")], "basic"),
        ([("negotiate", ""), ("bearer", "")], None),
        ([], None),
    ],
)
def test_bearer_with_a_realm_comes_first(schemes: list[tuple[str, str]], chosen: str | None) -> None:
    found = choose(Challenge(scheme=scheme, realm=realm) for scheme, realm in schemes)
    assert (found.scheme if found else None) == chosen


def query(request: TokenRequest) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(request.url).query)


def test_a_token_request_names_service_scope_client_and_account() -> None:
    request = token_request(BEARER, repository="team/app", account="ns+robot$x")
    assert request.url.startswith(REALM + "?")
    assert query(request) == [
        ("service", "registry.example.com"),
        ("scope", "repository:team/app:pull,push"),
        ("client_id", "registrywatcher"),
        ("account", "ns+robot$x"),
    ]


def test_a_missing_scope_is_pull_of_the_repository() -> None:
    request = token_request(Challenge(scheme="bearer", realm=REALM), repository="team/app", account="")
    assert query(request) == [("scope", "repository:team/app:pull"), ("client_id", "registrywatcher")]


def test_the_realms_own_parameters_are_kept_and_several_scopes_are_several_parameters() -> None:
    request = TokenRequest(
        realm=f"{REALM}?service=theirs&x=%2F#part", service="ours", scope="a:b:pull c:d:pull", account=""
    )
    assert request.url.startswith(f"{REALM}?service=theirs&x=%2F&")
    assert query(request)[2:] == [("scope", "a:b:pull"), ("scope", "c:d:pull"), ("client_id", "registrywatcher")]


@pytest.mark.parametrize(
    ("answer", "usable"),
    [
        ({"token": "t", "expires_in": 300}, 290.0),
        ({"access_token": "t", "expires_in": 300.5}, 290.5),
        ({"token": "t", "access_token": "other"}, 50.0),
        ({"token": "", "access_token": "t", "expires_in": 5}, 50.0),
        ({"token": "t", "expires_in": -1}, 50.0),
        ({"token": "t", "expires_in": True}, 50.0),
        ({"token": "t", "expires_in": "300"}, 50.0),
        ({"token": "t", "expires_in": None}, 50.0),
        ({"token": "t", "expires_in": 10**15}, 86_390.0),
    ],
)
def test_a_token_is_used_until_a_little_before_its_end(answer: dict[str, object], usable: float) -> None:
    assert parse_token(json.dumps(answer).encode()) == BearerToken(value="t", usable_seconds=usable)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"token":1}',
        b'{"token":"a b"}',
        b'{"token":"a\\r\\nX: y"}',
        b'{"token":"\xc3\xa9"}',
        b"\xff",
    ],
)
def test_an_answer_without_a_token_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_token(body)


def test_headers_carry_what_they_should() -> None:
    assert basic("ci", "geheim:ö") == "Basic Y2k6Z2VoZWltOsO2"
    assert bearer("t") == "Bearer t"
