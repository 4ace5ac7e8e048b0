"""Which addresses a registry may name, and where its credentials go."""

import pytest

from app.adapters.registry.client.origins import keeps_credentials, same_origin, why_unsafe

HOME = "https://registry.example.com"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (HOME, "https://REGISTRY.example.com:443/v2/", True),
        ("http://a", "http://a:80/x?y", True),
        ("http://[::1]:5000/", "http://[::1]:5000/v2", True),
        (HOME, "http://registry.example.com", False),
        (HOME, "https://registry.example.com:8443", False),
        (HOME, "https://registry.example.com.evil.org", False),
        (HOME, "//registry.example.com", False),
        (HOME, "https://registry.example.com:port", False),
        ("ftp://a", "ftp://a", False),
        ("https://", "https://", False),
        ("https://[", "https://[", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, same: bool) -> None:
    assert same_origin(one, other) is same


@pytest.mark.parametrize(
    ("source", "target", "kept"),
    [
        (HOME, HOME + "/elsewhere", True),
        ("http://a.example.com/v2", "https://a.example.com/v2", True),
        ("http://a.example.com:5000/v2", "https://a.example.com/v2", False),
        ("https://a.example.com/v2", "http://a.example.com/v2", False),
        (HOME, "https://storage.example.com", False),
        (HOME, "nonsense", False),
        ("nonsense", HOME, False),
    ],
)
def test_credentials_stay_with_the_host(source: str, target: str, kept: bool) -> None:
    assert keeps_credentials(source, target) is kept


@pytest.mark.parametrize(
    ("target", "home"),
    [
        ("https://auth.docker.io/token", HOME),
        ("https://203.0.113.7x/token", HOME),
        ("https://8.8.8.8/token", HOME),
        ("https://[2606:4700::1]/token", HOME),
        ("http://auth.internal/token", "http://registry.internal:5000"),
        ("https://auth.example.com/token", "http://registry.example.com"),
        ("http://127.0.0.1:5001/token", "http://127.0.0.1:5000"),
        ("http://127.0.0.1:5001/token", "http://localhost:5000"),
        ("http://10.0.0.9/token", "http://10.0.0.8"),
        ("http://169.254.1.1/token", "http://169.254.1.1:5000"),
    ],
)
def test_an_address_of_the_registrys_own_kind_is_contacted(target: str, home: str) -> None:
    assert why_unsafe(target, home=home) is None


@pytest.mark.parametrize(
    ("target", "home", "because"),
    [
        ("http://auth.example.com/token", HOME, "plain HTTP"),
        ("https://user:pw@auth.example.com/token", HOME, "user name"),
        ("file:///etc/passwd", HOME, "no http"),
        ("token", HOME, "no http"),
        ("https://auth.example.com", "registry", "no http"),
        ("https://127.0.0.1/token", HOME, "private"),
        ("https://localhost/token", HOME, "private"),
        ("https://x.localhost./token", HOME, "private"),
        ("https://10.1.2.3/token", HOME, "private"),
        ("https://[::1]/token", HOME, "private"),
        ("https://[::ffff:192.168.0.1]/token", HOME, "private"),
        ("https://[fd00::1]/token", HOME, "private"),
        ("https://169.254.169.254/token", HOME, "link-local"),
        ("https://[fe80::1]/token", HOME, "link-local"),
        ("https://0.0.0.0/token", HOME, "link-local"),
        ("http://169.254.169.254/token", "http://127.0.0.1:5000", "link-local"),
        ("https://2130706433/token", HOME, "unusual"),
        ("https://127.1/token", HOME, "unusual"),
        ("https://0x7f.0x1/token", HOME, "unusual"),
    ],
)
def test_an_address_that_only_we_could_reach_is_not_contacted(target: str, home: str, because: str) -> None:
    assert because in str(why_unsafe(target, home=home))
