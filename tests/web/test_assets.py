"""Static files are cached by content, and every response has the security headers."""

from pathlib import Path

import pytest

from app.errors import StoreUnavailable
from app.web.http.assets import Assets
from app.web.http.auth import Access, Role
from app.web.http.headers import HEADERS
from app.web.render.pages import Pages
from tests.web.process import MemoryProcess, token


def test_a_file_asked_for_by_its_version_is_kept_for_ever() -> None:
    url = Assets().url("page.css")
    with MemoryProcess().client() as client:
        kept = client.get(url)
        assert kept.status_code == 200
        assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert client.get(url, headers={"If-None-Match": kept.headers["ETag"]}).status_code == 304
        for other in ("/static/page.css", "/static/page.css?v=0", f"{url}&v=0", "/static/page.css?v=%ff"):
            answer = client.get(other)
            assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
            again = client.get(other, headers={"If-None-Match": answer.headers["ETag"]})
            assert (again.status_code, again.content) == (304, b"")


def test_another_content_has_another_url(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    before = Assets(tmp_path).url("a.js")
    (tmp_path / "a.js").write_text("2")
    assert Assets(tmp_path).url("a.js") != before


@pytest.mark.parametrize("name", ["nothing.js", "../pages.py", "/etc/passwd", ""])
def test_only_files_of_the_folder_have_an_address(name: str) -> None:
    with pytest.raises(KeyError):
        Assets().url(name)


@pytest.mark.parametrize(
    "path", ["/static/nothing.js?v=1", "/static/../pages.py", "/static/%2e%2e/pages.py", "/static/"]
)
def test_no_file_outside_the_folder_is_served(path: str) -> None:
    with MemoryProcess().client() as client:
        assert client.get(path).status_code == 404


def test_templates_use_versioned_urls() -> None:
    assert Pages(Assets())._environment.from_string("{{ static('icon.svg') }}").render() == Assets().url("icon.svg")


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_the_headers_are_on_every_response(accept: str) -> None:
    process = MemoryProcess()
    with process.client(Accept=accept) as client:
        answers = [client.get(path) for path in ("/", "/repos", "/static/page.css", "/nothing", "/ping", "/login")]
        answers += [client.post("/"), client.post("/login"), client.get("/", headers={"Host": "evil.example"})]
        process.board.outage = StoreUnavailable("outages")
        answers.append(client.get("/"))
        process.board.outage = RuntimeError("a bug")
        answers.append(client.get("/"))
        process.access = Access(tokens=(token("wall", Role.VIEWER, "secret"),))
        answers += [client.get("/", follow_redirects=False), client.get("/login")]
        assert {answer.status_code for answer in answers} >= {200, 403, 404, 405, 500, 503}
        for answer in answers:
            assert {name: answer.headers.get_list(name) for name in HEADERS} == {
                name: [value] for name, value in HEADERS.items()
            }, answer


def test_the_policy_allows_our_own_forms_and_workers_only() -> None:
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["form-action"] == policy["worker-src"] == policy["connect-src"] == "'self'"
    assert set(policy.values()) == {"'none'", "'self'"}
    assert HEADERS["Referrer-Policy"] == "same-origin"
