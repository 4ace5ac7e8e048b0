"""Browser login: a token sent once, a session that ends with it, and no use of either for other sites."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.errors import Rejected
from app.web.http import session
from app.web.http.auth import Access, Role
from app.web.http.forms import MAX_FIELDS, MAX_FORM, MAX_PATH, own_path, parse_form
from app.web.pages.login import FailedLogins
from tests.web.outline import Outline
from tests.web.process import MemoryProcess, token
from tests.web.test_access import SECRETS, TOKENS

HERE = {"Origin": "http://localhost:8080"}
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
CI = token("ci", Role.DEPLOYER, "deploy-secret")


@pytest.fixture
def process() -> MemoryProcess:
    return MemoryProcess(access=TOKENS)


@pytest.fixture
def browser(process: MemoryProcess) -> Iterator[TestClient]:
    with process.client(Accept=HTML) as client:
        client.follow_redirects = False
        set_failed_logins(client, FailedLogins(delay=0.0))
        yield client


def set_failed_logins(browser: TestClient, failed_logins: FailedLogins) -> None:
    application = browser.app
    assert isinstance(application, Starlette)
    application.state.failed_logins = failed_logins


def sign_in(browser: TestClient, secret: str = "deploy-secret", **fields: str) -> Any:
    return browser.post("/login", data={"token": secret, **fields}, headers=HERE)


def test_a_browser_is_redirected_to_the_login_and_back(browser: TestClient) -> None:
    redirect = browser.get("/rollouts/7?x=1&y=%2F")
    assert (redirect.status_code, redirect.headers["Cache-Control"]) == (303, "no-store")
    page = browser.get(redirect.headers["Location"])
    assert page.status_code == 200
    text = Outline(page.text).text
    assert "viewer, deployer, admin" in text
    for secret in SECRETS.values():
        assert secret not in page.text
    found = re.search(r'name="next" value="([^"]*)"', page.text)
    assert found is not None
    onwards = found[1].replace("&amp;", "&")
    assert onwards == "/rollouts/7?x=1&y=%2F"
    answer = sign_in(browser, next=onwards)
    assert (answer.status_code, answer.headers["Location"]) == (303, onwards)
    assert browser.get("/").status_code == 200
    assert browser.get("/login").status_code == 200


def test_a_session_has_the_name_and_role_of_its_token(process: MemoryProcess, browser: TestClient) -> None:
    sign_in(browser)
    assert browser.post("/tags/app", json={"auto_deploy": False}, headers=HERE).status_code == 200
    assert [command.by for command in process.watch_commands.commands] == ["ci"]
    refused = browser.post("/pause", headers=HERE)
    assert refused.status_code == 403
    message = Outline(refused.text).text
    assert "has the role deployer" in message
    assert "needs admin" in message
    assert "sign in with one" in message


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost:8080", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_no_other_site_writes_with_a_session_or_starts_or_ends_one(
    process: MemoryProcess, browser: TestClient, headers: dict[str, str]
) -> None:
    assert browser.post("/login", data={"token": "deploy-secret"}, headers=headers).status_code == 403
    sign_in(browser)
    assert browser.post("/tags/app", json={"auto_deploy": False}, headers=headers).status_code == 403
    assert browser.post("/logout", headers=headers).status_code == 403
    assert process.watch_commands.commands == []
    assert browser.get("/", headers=headers).status_code == 200


@pytest.mark.parametrize("headers", [HERE, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}])
def test_our_own_page_writes(browser: TestClient, headers: dict[str, str]) -> None:
    sign_in(browser)
    assert browser.post("/tags/app", json={"auto_deploy": False}, headers=headers).status_code == 200


def test_programs_and_scripts_are_not_redirected_to_the_login(browser: TestClient) -> None:
    for headers in (
        {"Accept": "application/json"},
        {"Accept": "*/*"},
        {"Sec-Fetch-Mode": "cors"},
        {"HX-Request": "true"},
    ):
        answer = browser.get("/", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="registrywatcher"'
    assert browser.post("/pause").status_code == 401


@pytest.mark.parametrize("secret", ["mistaken-7", "deploy-secre", "deploy-secret2", "ü7", "\ufffd", "", "  "])
def test_a_wrong_token_is_refused_beside_its_field_and_never_echoed(browser: TestClient, secret: str) -> None:
    answer = sign_in(browser, secret, next="/rollouts")
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert 'aria-invalid="true"' in answer.text
    assert "api_tokens" in Outline(answer.text).text
    assert 'value="/rollouts"' in answer.text
    assert not secret.strip() or secret not in answer.text


def test_spaces_around_a_token_are_ignored(browser: TestClient) -> None:
    assert sign_in(browser, " deploy-secret\n").status_code == 303


async def test_only_a_limited_number_of_wrong_tokens_is_checked_at_once(
    process: MemoryProcess, browser: TestClient
) -> None:
    set_failed_logins(browser, FailedLogins(delay=0.0, at_once=0))
    answer = sign_in(browser, "wrong", next="/rollouts")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert 'value="/rollouts"' in answer.text
    failed_logins = FailedLogins(delay=0.0, at_once=1)
    assert not failed_logins.full
    await failed_logins.wait()
    assert not failed_logins.full


def test_the_cookie_is_kept_from_scripts_and_other_sites(browser: TestClient) -> None:
    cookie = sign_in(browser).headers["Set-Cookie"]
    assert cookie.startswith("registrywatcher=")
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert parts == {"httponly", "samesite=lax", "path=/", f"max-age={session.LIFETIME}"}
    assert "deploy-secret" not in cookie


@pytest.mark.parametrize("access", [TOKENS, replace(TOKENS, https=True)])
def test_over_https_the_cookie_is_this_hosts_alone(access: Access) -> None:
    scheme = "http" if access.https else "https"
    with MemoryProcess(access=access).client(Accept=HTML) as browser:
        browser.follow_redirects = False
        browser.base_url = f"{scheme}://localhost:8080"
        answer = browser.post(
            "/login", data={"token": "deploy-secret"}, headers={"Origin": f"{scheme}://localhost:8080"}
        )
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-registrywatcher=")
        assert "; secure" in cookie.lower()
        value = cookie.split(";")[0]
        browser.cookies.clear()
        assert browser.get("/", headers={"Cookie": value}).status_code == 200
        assert browser.get("/", headers={"Cookie": value.removeprefix("__Host-")}).status_code == 303


def test_signing_out_forgets_the_cookie(browser: TestClient) -> None:
    sign_in(browser)
    answer = browser.post("/logout", headers=HERE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert browser.get("/").status_code == 303


def test_a_session_ends_with_its_token(process: MemoryProcess, browser: TestClient) -> None:
    sign_in(browser)
    others = tuple(each for each in TOKENS.tokens if each.name != "ci")
    for tokens in (
        (*others, token("ci", Role.DEPLOYER, "rotated")),
        (*others, token("ci", Role.ADMIN, "deploy-secret")),
        (*others, token("renamed", Role.DEPLOYER, "deploy-secret")),
        others,
    ):
        process.access = Access(tokens=tokens)
        assert browser.get("/").status_code == 303
    process.access = TOKENS
    assert browser.get("/").status_code == 200


def test_a_cookie_is_valid_for_half_a_day_and_only_unchanged() -> None:
    now = time.time()
    cookie = session.sign(CI, now=now)
    assert session.is_valid(cookie, CI, now=now)
    assert session.is_valid(cookie, CI, now=now + session.LIFETIME - 2)
    assert not session.is_valid(cookie, CI, now=now + session.LIFETIME)
    for place in range(len(cookie)):
        other = "A" if cookie[place] != "A" else "B"
        assert not session.is_valid(cookie[:place] + other + cookie[place + 1 :], CI, now=now)
        assert not session.is_valid(cookie[:place], CI, now=now)
    name, expiry, mac = cookie.split(".")
    assert not session.is_valid(f"{name}.{int(expiry) + 3600}.{mac}", CI, now=now)
    for hostile in ("", ".", "..", "...", f"{name}..{mac}", f"{name}.-1.{mac}", f"{name}.١.{mac}", "\ud800.1.\ud800"):
        assert not session.is_valid(hostile, CI, now=now)
    assert not session.is_valid(f"{name}.{'9' * 5000}.{mac}", CI, now=now)


@pytest.mark.parametrize("cookie", ["", "x", "registrywatcher", "registrywatcher=", "registrywatcher=a.b.c", "=;=;"])
def test_an_invalid_session_cookie_is_ignored(browser: TestClient, cookie: str) -> None:
    assert browser.get("/", headers={"Cookie": cookie}).status_code == 303


def test_a_proxys_own_credentials_do_not_hide_the_session(browser: TestClient) -> None:
    sign_in(browser)
    assert browser.get("/", auth=("proxy", "password")).status_code == 200
    assert browser.post("/pause", auth=("proxy", "password")).status_code == 403


@pytest.mark.parametrize(
    "hostile",
    [
        "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example",
        "http://evil.example", "https:/evil.example", "https:evil.example", "javascript:alert(1)", "evil.example",
        "/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example", "/a\r\nSet-Cookie: x=y", "/\x00",
        "/a b", "/\x7f", "", "?next", "#x", "@evil.example", "//[", "/" + "a" * MAX_PATH,
    ],
)  # fmt: skip
def test_no_next_path_leads_to_another_site(browser: TestClient, hostile: str) -> None:
    assert own_path(hostile) == "/"
    if "\x00" not in hostile and len(hostile) < MAX_PATH:
        assert sign_in(browser, next=hostile).headers["Location"] == "/"
        assert 'name="next" value="/"' in browser.get("/login", params={"next": hostile}).text


@pytest.mark.parametrize("path", ["/", "/rollouts?x=//y", "/repos/team/app", "/?q=a%20b&next=http://x", "/a#b", "/é"])
def test_our_own_paths_are_kept(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "body",
    [b"a=1&a=2", b"a=\xff", b"a=%ff", b"a=%00", "a=é".encode(), b"&".join(b"f%d=1" % n for n in range(MAX_FIELDS + 1))],
)
def test_malformed_forms_are_refused(browser: TestClient, body: bytes) -> None:
    with pytest.raises(Rejected):
        parse_form(body)
    form = {**HERE, "Content-Type": "application/x-www-form-urlencoded"}
    assert browser.post("/login", content=body, headers=form).status_code == 400


def test_a_form_over_the_limit_or_of_another_type_is_refused(browser: TestClient) -> None:
    assert sign_in(browser, "x" * MAX_FORM).status_code == 413
    assert browser.post("/login", json={"token": "deploy-secret"}, headers=HERE).status_code == 415
    assert parse_form(b"a=&b=%C3%A9+x&c") == {"a": "", "b": "é x", "c": ""}


def test_without_tokens_the_login_redirects() -> None:
    with MemoryProcess().client(Accept=HTML) as browser:
        browser.follow_redirects = False
        assert browser.get("/login?next=/rollouts").headers["Location"] == "/rollouts"
        assert sign_in(browser, next="/rollouts").headers["Location"] == "/rollouts"
        assert browser.post("/logout", headers=HERE).headers["Location"] == "/"
