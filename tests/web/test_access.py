"""Who may call what: roles by token, this machine without tokens, and no page of somebody else."""

import base64
from typing import Any

import pytest
from starlette.datastructures import Headers

from app.errors import Rejected
from app.web.auth import Access, Role, is_loopback
from tests.web.face import Face, token

TOKENS = Access(
    tokens=(
        token("dashboard", Role.VIEWER, "view-secret"),
        token("ci", Role.DEPLOYER, "deploy-secret"),
        token("boss", Role.ADMIN, "admin-secret"),
    ),
)
SECRETS = {Role.VIEWER: "view-secret", Role.DEPLOYER: "deploy-secret", Role.ADMIN: "admin-secret"}


def admitted(access: Access, needs: Role, **headers: str) -> tuple[int, str]:
    """The status that the caller would get, and its name or the refusal's words."""
    try:
        sent = Headers({key.replace("_", "-"): value for key, value in headers.items()})
        return 200, access.admit(sent, needs, now=0.0).name
    except Rejected as error:
        return error.status, str(error)


@pytest.mark.parametrize("needs", [Role.VIEWER, Role.DEPLOYER, Role.ADMIN])
@pytest.mark.parametrize("has", [Role.VIEWER, Role.DEPLOYER, Role.ADMIN])
def test_each_role_may_do_what_the_lower_ones_may(has: Role, needs: Role) -> None:
    status, words = admitted(TOKENS, needs, authorization=f"Bearer {SECRETS[has]}")
    if has >= needs:
        assert (status, words) == (200, {1: "dashboard", 2: "ci", 3: "boss"}[has])
    else:
        assert status == 403
        assert has.name.lower() in words
        assert needs.name.lower() in words
        assert "secret" not in words


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Bearer wrong", "view-secret", "Token view-secret", "Basic !", "Basic"]
)
def test_without_a_configured_token_it_is_401(authorization: str) -> None:
    assert admitted(TOKENS, Role.VIEWER, authorization=authorization)[0] == 401
    assert admitted(TOKENS, Role.VIEWER)[0] == 401


def test_two_authorizations_are_none() -> None:
    headers = Headers(raw=[(b"authorization", b"Bearer view-secret"), (b"authorization", b"Bearer view-secret")])
    with pytest.raises(Rejected) as refused:
        TOKENS.admit(headers, Role.VIEWER, now=0.0)
    assert refused.value.status == 401


def test_the_scheme_may_be_spelled_in_any_case() -> None:
    assert admitted(TOKENS, Role.VIEWER, authorization="bearer view-secret")[0] == 200


def test_a_browser_sends_the_token_as_password_and_is_held_to_its_origin() -> None:
    password = "Basic " + base64.b64encode(b"anyone:deploy-secret").decode()
    host = "deploys.example"
    assert admitted(TOKENS, Role.VIEWER, authorization=password, host=host) == (200, "ci")
    assert admitted(TOKENS, Role.DEPLOYER, authorization=password, host=host)[0] == 403
    own = {"host": host, "origin": "https://deploys.example"}
    assert admitted(TOKENS, Role.DEPLOYER, authorization=password, **own) == (200, "ci")
    assert admitted(TOKENS, Role.DEPLOYER, authorization=password, host=host, sec_fetch_site="same-origin")[0] == 200
    foreign = {"host": host, "origin": "https://evil.example"}
    assert admitted(TOKENS, Role.DEPLOYER, authorization=password, **foreign)[0] == 403
    assert admitted(TOKENS, Role.DEPLOYER, authorization="Bearer deploy-secret", **foreign)[0] == 200


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEPLOYER, Role.ADMIN])
@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:8080", "127.8.9.1", "[::1]:8080", "LOCALHOST.", "a.localhost"]
)
def test_this_machine_may_do_everything_without_tokens(role: Role, host: str) -> None:
    assert admitted(Access(loopback=True), role, host=host) == (200, "")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEPLOYER])
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "localhost.evil.example", "10.0.0.1", "", "[", "127.0.0.1@evil.test"],
)
def test_on_loopback_a_strange_host_is_refused_for_reading_too(role: Role, host: str) -> None:
    status, words = admitted(Access(loopback=True), role, host=host)
    assert status == 403
    assert "external_url" in words


def test_the_external_name_is_ours() -> None:
    access = Access(loopback=True, hosts=frozenset({"deploys.example"}))
    assert admitted(access, Role.DEPLOYER, host="Deploys.example:443")[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://localhost:8080"}, 200),
        ({"origin": "http://localhost:8080", "sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "none"}, 200),
        ({"origin": "http://localhost:3000"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"origin": "http://localhost:8080", "sec_fetch_site": "cross-site"}, 403),
    ],
)
def test_only_our_own_page_may_write_from_a_browser(headers: dict[str, str], status: int) -> None:
    access = Access(loopback=True)
    assert admitted(access, Role.DEPLOYER, host="localhost:8080", **headers)[0] == status
    assert admitted(access, Role.VIEWER, host="localhost:8080", **headers)[0] == 200


def test_the_origin_that_we_go_by_behind_a_proxy_is_ours() -> None:
    access = Access(loopback=True, origins=frozenset({"deploys.example"}))
    for origin, status in (("https://deploys.example", 200), ("https://deploys.example:8443", 403), ("null", 403)):
        assert admitted(access, Role.DEPLOYER, host="localhost:8080", origin=origin)[0] == status
    assert admitted(access, Role.DEPLOYER, host="localhost:8080", origin="http://[")[0] == 403


def test_listening_wider_without_tokens_reads_only() -> None:
    assert admitted(Access(), Role.VIEWER, host="anything.example") == (200, "")
    for role in (Role.DEPLOYER, Role.ADMIN):
        status, words = admitted(Access(), role, host="localhost:8080")
        assert status == 403
        assert "[api_tokens.NAME]" in words


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("10.1.2.3", False),
        ("example.com", False),
    ],
)
def test_what_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("method", "path", "body", "needs"),
    [
        ("GET", "/", None, Role.VIEWER),
        ("GET", "/repos", None, Role.VIEWER),
        ("GET", "/tags/app", None, Role.VIEWER),
        ("GET", "/rollouts", None, Role.VIEWER),
        ("POST", "/tags/app", {"auto_deploy": True}, Role.DEPLOYER),
        ("POST", "/tags/app/reset", None, Role.DEPLOYER),
        ("POST", "/repos/app/check", None, Role.DEPLOYER),
        ("POST", "/pause", None, Role.ADMIN),
        ("POST", "/resume", None, Role.ADMIN),
    ],
)
def test_routes_want_their_role(method: str, path: str, body: Any, needs: Role) -> None:
    with Face(access=TOKENS).client() as client:
        for role, secret in SECRETS.items():
            answer = client.request(method, path, json=body, headers={"Authorization": f"Bearer {secret}"})
            assert answer.status_code == (200 if role >= needs else 403)
        answer = client.request(method, path, json=body)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="registrywatcher"'


@pytest.mark.parametrize("path", ["/ping", "/ping/", "/healthz", "/readyz", "/api/openapi.json", "/static/page.js"])
def test_what_needs_no_token(path: str) -> None:
    with Face(access=TOKENS).client() as client:
        assert client.get(path).status_code == 200


def test_a_browser_may_still_send_the_token_as_password() -> None:
    with Face(access=TOKENS).client(Accept="text/html") as client:
        assert client.get("/", auth=("me", "view-secret")).status_code == 200


def test_the_name_of_the_token_is_who_spoke() -> None:
    face = Face(access=TOKENS)
    with face.client(Authorization="Bearer deploy-secret") as client:
        client.post("/tags/app", json={"auto_deploy": False})
    assert [word.by for word in face.rules.words] == ["ci"]


def test_no_other_site_is_allowed_to_read() -> None:
    with Face().client(Origin="http://evil.example") as client:
        assert "access-control-allow-origin" not in client.get("/repos").headers
        assert client.options("/repos").status_code == 405
