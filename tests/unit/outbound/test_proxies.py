"""What counts as this machine, and what NO_PROXY exempts."""

import pytest

from app.outbound.loopback import is_loopback, stays_here
from app.outbound.proxies import Proxies

PROXY = "http://proxy.example.com:3128"


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LocalHost.", "a.localhost", "a.b.localhost.", "127.0.0.1", "127.0.0.1.", "127.255.255.254", "::1",
        "[::1]", "::ffff:127.0.0.1", "[::ffff:7f00:1]", "127.1", "127.0.1", "0x7f.1", "0X7F000001", "2130706433",
        "0177.1", "::1%lo",
    ],
)  # fmt: skip
def test_what_is_loopback(host: str) -> None:
    assert is_loopback(host)
    assert stays_here(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", "0", "0x0", "::ffff:0.0.0.0"])
def test_the_unspecified_address_is_reached_here_but_may_be_reached_from_everywhere(host: str) -> None:
    assert stays_here(host)
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "", ".", "localhost.example.com", "notlocalhost", "127.0.0.1.example.com", "128.0.0.1", "10.0.0.1", "::2",
        "fe80::1", "::ffff:10.0.0.1", "127", "1270.0.0.1.1", "127.0.0.1 ", "127.0.0.1 x", "0x7f.1.example", "[",
        "é", "127.0.0.256", "a" * 300 + ".localhost",
    ],
)  # fmt: skip
def test_what_is_not(host: str) -> None:
    assert not is_loopback(host)
    assert not stays_here(host) or host == "127"  # as a number that is 0.0.0.127


@pytest.mark.parametrize(
    ("exempt", "host", "port"),
    [
        ("example.com", "example.com", None),
        ("example.com", "a.example.com", None),
        (".example.com", "example.com", None),
        (".example.com", "A.Example.com.", None),
        ("*.example.com", "a.example.com", None),
        ("a,b example.com", "example.com", None),
        ("example.com:80", "example.com", None),
        ("example.com:4646", "a.example.com", 4646),
        ("http://example.com", "example.com", None),
        ("all://example.com", "example.com", None),
        ("*", "10.0.0.1", None),
        ("a,*", "10.0.0.1", None),
        ("10.0.0.1", "10.0.0.1", None),
        ("10.0.0.1:4646", "10.0.0.1", 4646),
        ("10.0.0.0/8", "10.200.0.1", None),
        ("fd00::/8", "fd00::1", None),
        ("fd00::1", "[fd00::1]", None),
        ("[fd00::1]:4646", "fd00::1", 4646),
        ("[fd00::1]", "fd00:0::1", None),
        ("intranet", "intranet", None),
    ],
)
def test_what_is_exempt(exempt: str, host: str, port: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", PROXY)
    monkeypatch.setenv("no_proxy", exempt)
    assert Proxies.of_environment().proxy_for("http", host, port) is None


@pytest.mark.parametrize(
    ("exempt", "host", "port"),
    [
        ("example.com", "notexample.com", None),
        ("example.com", "example.com.evil.org", None),
        ("example.com:4646", "example.com", None),
        ("https://example.com", "example.com", None),
        ("10.0.0.1", "10.0.0.11", None),
        ("0.0.1", "10.0.0.1", None),
        ("10.0.0.1:4646", "10.0.0.1", 80),
        ("10.0.0.0/8", "11.0.0.1", None),
        ("10.0.0.0/8", "a10.example.com", None),
        ("10.0.0.0/99", "10.0.0.1", None),
        ("a/b", "a", None),
        (",., *.", "example.com", None),
        ("fd00::1", "fd00::11", None),
        ("", "example.com", None),
    ],
)
def test_what_is_not_exempt(exempt: str, host: str, port: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", PROXY)
    monkeypatch.setenv("no_proxy", exempt)
    assert Proxies.of_environment().proxy_for("http", host, port) == PROXY


def test_each_scheme_has_its_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", "all.example.com:1")
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    found = Proxies.of_environment()
    assert found.proxy_for("http", "h", None) == "http://all.example.com:1"
    assert found.proxy_for_url("https://h:8443/path") == PROXY
    assert found.proxy_for_url("unix:///run/api.sock") is None
    assert found.proxy_for_url("https://localhost:8443") is None
