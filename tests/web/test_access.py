"""Who may call what: roles by token, only this machine without tokens, and no page of another site."""

import base64
from typing import Any

import pytest
from starlette.datastructures import Headers

from app.errors import Rejected
from app.web.http.arrival import Arrival, Listening
from app.web.http.auth import Access, Role
from tests.web.process import HERE, WIDER, MemoryProcess, token

TOKENS = Access(
    tokens=(
        token("dashboard", Role.VIEWER, "view-secret"),
        token("ci", Role.DEPLOYER, "deploy-secret"),
        token("boss", Role.ADMIN, "admin-secret"),
    ),
)
SECRETS = {Role.VIEWER: "view-secret", Role.DEPLOYER: "deploy-secret", Role.ADMIN: "admin-secret"}


FROM_HERE = Arrival(listening=HERE, peer="127.0.0.1")


def admitted(access: Access, needs: Role, arrival: Arrival = FROM_HERE, /, **headers: str) -> tuple[int, str]:
    """The status that the caller would get, and the token's name or the refusal."""
    try:
        sent = Headers({key.replace("_", "-"): value for key, value in headers.items()})
        return 200, access.admit(sent, needs, now=0.0, arrival=arrival).name
    except Rejected as error:
        return error.status, str(error)


@pytest.mark.parametrize("needs", [Role.VIEWER, Role.DEPLOYER, Role.ADMIN])
@pytest.mark.parametrize("has", [Role.VIEWER, Role.DEPLOYER, Role.ADMIN])
def test_each_role_may_do_what_the_lower_ones_may(has: Role, needs: Role) -> None:
    status, message = admitted(TOKENS, needs, authorization=f"Bearer {SECRETS[has]}")
    if has >= needs:
        assert (status, message) == (200, {1: "dashboard", 2: "ci", 3: "boss"}[has])
    else:
        assert status == 403
        assert has.name.lower() in message
        assert needs.name.lower() in message
        assert "secret" not in message


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


def test_a_token_as_basic_password_needs_our_origin() -> None:
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
    assert admitted(Access(), role, host=host) == (200, "")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEPLOYER])
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "localhost.evil.example", "10.0.0.1", "", "[", "127.0.0.1@evil.test"],
)
def test_on_loopback_a_foreign_host_name_cannot_even_read(role: Role, host: str) -> None:
    status, message = admitted(Access(), role, host=host)
    assert status == 403
    assert "external_url" in message


def test_the_external_url_is_an_own_host_name() -> None:
    access = Access(hosts=frozenset({"deploys.example"}))
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
    access = Access()
    assert admitted(access, Role.DEPLOYER, host="localhost:8080", **headers)[0] == status
    assert admitted(access, Role.VIEWER, host="localhost:8080", **headers)[0] == 200


def test_the_external_origin_behind_a_proxy_is_ours() -> None:
    access = Access(origins=frozenset({"deploys.example"}))
    for origin, status in (("https://deploys.example", 200), ("https://deploys.example:8443", 403), ("null", 403)):
        assert admitted(access, Role.DEPLOYER, host="localhost:8080", origin=origin)[0] == status
    assert admitted(access, Role.DEPLOYER, host="localhost:8080", origin="http://[")[0] == 403


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "anything.example"])
@pytest.mark.parametrize(
    "arrival",
    [
        Arrival(),
        Arrival(peer="127.0.0.1"),
        Arrival(listening=WIDER, peer="10.1.2.3"),
        Arrival(listening=WIDER, peer="127.0.0.1"),
        Arrival(listening=Listening(addresses=("127.0.0.1", "10.1.2.4")), peer="127.0.0.1"),
        Arrival(listening=Listening(addresses=("AddressFamily.AF_UNIX",))),
    ],
    ids=str,
)
def test_other_or_unknown_listening_addresses_are_read_only(arrival: Arrival, host: str) -> None:
    assert admitted(Access(), Role.VIEWER, arrival, host=host) == (200, "")
    for role in (Role.DEPLOYER, Role.ADMIN):
        status, message = admitted(Access(), role, arrival, host=host)
        assert status == 403
        assert "[api_tokens.NAME]" in message
        assert 'listen on "127.0.0.1:8080" and restart' in message


@pytest.mark.parametrize(
    ("access", "arrival", "reason"),
    [
        (Access(), Arrival(listening=HERE, peer="192.0.2.2"), "from 192.0.2.2"),
        (Access(), Arrival(listening=HERE), "from an unknown address"),
        (
            Access(),
            Arrival(listening=HERE, peer="127.0.0.1", forwarded_by="Via"),
            "a proxy forwarded this request",
        ),
        (
            Access(outward="deploys.example"),
            FROM_HERE,
            "external_url lets other machines reach this service as deploys.example",
        ),
    ],
)
def test_on_loopback_a_possibly_remote_caller_reads_only(access: Access, arrival: Arrival, reason: str) -> None:
    assert admitted(access, Role.VIEWER, arrival, host="localhost") == (200, "")
    assert admitted(access, Role.VIEWER, arrival, host="evil.example")[0] == 403
    for role in (Role.DEPLOYER, Role.ADMIN):
        status, message = admitted(access, role, arrival, host="localhost")
        assert status == 403
        assert reason in message
        assert "[api_tokens.NAME]" in message
        assert message.endswith("remove external_url and restart") is bool(access.outward)


def test_no_arrival_makes_a_token_less_or_more() -> None:
    bearer = {"authorization": "Bearer deploy-secret"}
    for arrival in (FROM_HERE, Arrival(), Arrival(listening=WIDER, peer="10.1.2.3", forwarded_by="Via")):
        assert admitted(TOKENS, Role.DEPLOYER, arrival, **bearer) == (200, "ci")
        assert admitted(TOKENS, Role.VIEWER, arrival)[0] == 401


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEPLOYER, Role.ADMIN])
def test_after_the_tokens_are_removed_nobody_is_admitted(role: Role) -> None:
    status, message = admitted(Access(guarded=True), role, host="localhost")
    assert status == 403
    assert "put [api_tokens.NAME] back" in message
    assert admitted(Access(guarded=True), Role.ANYBODY, host="localhost")[0] == 200


PROXIED = [
    "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server",
    "X-Forwarded", "X-Forwarded-Prefix", "X-Real-IP", "Forwarded-For", "X-Client-IP", "True-Client-IP",
    "CF-Connecting-IP", "Via", "X-Envoy-External-Address", "X-Cluster-Client-IP", "X-Original-Forwarded-For",
    "Tailscale-User-Login", "CDN-Loop", "Fastly-Client-IP", "X-Amzn-Trace-Id",
]  # fmt: skip


@pytest.mark.parametrize("header", PROXIED)
@pytest.mark.parametrize("value", ["127.0.0.1", "", "for=127.0.0.1;proto=https", "https"])
def test_a_forwarded_request_reads_only(header: str, value: str) -> None:
    process = MemoryProcess()
    with process.client(Accept="text/html") as client:
        assert "Reading only" not in client.get("/").text
        for name in (header, header.lower(), header.upper()):
            page = client.get("/", headers={name: value})
            assert page.status_code == 200
            assert f"a proxy forwarded this request ({header.title()})" in page.text
            assert "/confirm/pause" not in page.text
            for method, path in (("POST", "/confirm/check/app"), ("POST", "/pause"), ("GET", "/confirm/reset/app")):
                refused = client.request(method, path, headers={name: value})
                assert refused.status_code == 403
                assert "[api_tokens.NAME]" in refused.text
    assert process.watch_commands.commands == []


def test_a_remote_peer_or_a_public_socket_is_read_only_whatever_its_headers() -> None:
    for process, peer in (
        (MemoryProcess(), "192.0.2.2"),
        (MemoryProcess(listening=WIDER), "127.0.0.1"),
        (MemoryProcess(listening=WIDER), "::1"),
    ):
        with process.client(peer=peer) as client:
            for headers in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}):
                assert client.get("/repos", headers=headers).status_code == 200
                assert client.post("/tags/app", json={"auto_deploy": False}, headers=headers).status_code == 403
        assert process.watch_commands.commands == []


def test_added_and_removed_tokens_leave_no_access_and_no_redirect_loop() -> None:
    process = MemoryProcess(access=Access(guarded=True))
    with process.client(Accept="text/html") as browser:
        for path in ("/", "/repos/app", "/login?next=/", "/live"):
            answer = browser.get(path)
            assert answer.status_code == 403
            assert "put [api_tokens.NAME] back" in answer.text


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
def test_routes_need_their_role(method: str, path: str, body: Any, needs: Role) -> None:
    with MemoryProcess(access=TOKENS).client() as client:
        for role, secret in SECRETS.items():
            answer = client.request(method, path, json=body, headers={"Authorization": f"Bearer {secret}"})
            assert answer.status_code == (200 if role >= needs else 403)
        answer = client.request(method, path, json=body)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="registrywatcher"'


@pytest.mark.parametrize("path", ["/ping", "/ping/", "/healthz", "/readyz", "/api/openapi.json", "/static/page.js"])
def test_some_routes_need_no_token(path: str) -> None:
    with MemoryProcess(access=TOKENS).client() as client:
        assert client.get(path).status_code == 200


def test_a_browser_may_still_send_the_token_as_password() -> None:
    with MemoryProcess(access=TOKENS).client(Accept="text/html") as client:
        assert client.get("/", auth=("me", "view-secret")).status_code == 200


def test_the_token_name_is_the_actor() -> None:
    process = MemoryProcess(access=TOKENS)
    with process.client(Authorization="Bearer deploy-secret") as client:
        client.post("/tags/app", json={"auto_deploy": False})
    assert [command.by for command in process.watch_commands.commands] == ["ci"]


def test_no_other_site_is_allowed_to_read() -> None:
    with MemoryProcess().client(Origin="http://evil.example") as client:
        assert "access-control-allow-origin" not in client.get("/repos").headers
        assert client.options("/repos").status_code == 405
