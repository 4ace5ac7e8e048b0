"""Redirects to the page of the form, never to another host; the result is in a cookie, cut to its size."""

import base64

import pytest

from app.services.commands.watches import Reply
from app.web.http.flash import came_from, done, refused, take_flash
from tests.unit.web.requests import request

COOKIE = 4096  # what browsers take, with the cookie's name and attributes


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://localhost:8080/", "/"),
        ("http://localhost:8080/?q=app&state=held", "/?q=app&state=held"),
        ("http://localhost:8080/repos/team/app#now", "/repos/team/app"),
        ("", "/otherwise"),
        ("nonsense", "/otherwise"),
        ("/repos/app", "/otherwise"),
        ("http://evil.example/repos/app", "/otherwise"),
        ("http://localhost:8080.evil.example/", "/otherwise"),
        ("http://localhost:8080@evil.example/", "/otherwise"),
        ("http://localhost:3000/", "/otherwise"),
        ("//evil.example/", "/otherwise"),
        ("http://localhost:8080//evil.example/", "/otherwise"),
        ("http://localhost:8080/\\evil.example/", "/otherwise"),
        ("http://localhost:8080", "/otherwise"),
        ("http://[", "/otherwise"),
        ("http://[::1", "/otherwise"),
    ],
)
def test_the_redirect_goes_to_the_page_of_the_form_and_to_no_other_host(referer: str, back: str) -> None:
    assert came_from(request(referer=referer), "/otherwise") == back
    assert came_from(request(), "/otherwise") == "/otherwise"


def _next(answer_cookie: str) -> str:
    return answer_cookie.partition(";")[0]


@pytest.mark.parametrize(
    "message", ["Deploying to v1.0.0", 'quotes " and \\', "ü😀" * 3000, "x" * 9000, "\n" * 9000, ""]
)
def test_a_long_message_is_cut_to_the_size_of_a_cookie(message: str) -> None:
    answer = done(request(), Reply(message=message), back="/")
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 303
    assert len(cookie) < COOKIE
    flash = take_flash(request(cookie=_next(cookie)))
    assert flash is not None
    assert not flash.failed
    assert message.startswith(flash.message)
    assert len(flash.message) >= min(len(message), 300)


def test_a_refusal_is_shown_as_a_failure() -> None:
    answer = refused(request(), "no such tag", status=400, back="/repos/app")
    assert (answer.status_code, answer.headers["location"]) == (303, "/repos/app")
    flash = take_flash(request(cookie=_next(answer.headers["set-cookie"])))
    assert flash is not None
    assert (flash.message, flash.failed) == ("no such tag", True)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nonsense",
        "%%%",
        "ü",
        *(base64.b64encode(each).decode() for each in (b"[]", b"3", b"[1", b"\xff", b"[1,2,3]")),
    ],
)
def test_an_invalid_flash_cookie_is_ignored(value: str) -> None:
    assert take_flash(request(cookie=f"flash={value}")) is None
    assert take_flash(request()) is None


def test_a_flash_cookie_of_lone_surrogates_can_be_shown() -> None:
    cookie = base64.urlsafe_b64encode(b'["a \\ud800 b", true]').decode()
    flash = take_flash(request(cookie=f"flash={cookie}"))
    assert flash is not None
    assert flash.message == "a ? b"


def test_a_script_gets_the_result_in_an_ascii_header() -> None:
    answer = done(request(hx_request="true"), Reply(message="Deploying to ü"), back="/")
    assert answer.status_code == 204
    assert answer.headers["hx-trigger"] == '{"flash": {"message": "Deploying to \\u00fc"}}'
    assert "set-cookie" not in answer.headers
    answer = refused(request(hx_request="true"), "no such tag", status=400, back="/")
    assert (answer.status_code, bytes(answer.body)) == (400, b"no such tag")
    assert answer.headers["content-type"].startswith("text/plain")
