"""What can only mean this machine, as access asks it: never what DNS would say of a name."""

import pytest

from app.outbound.loopback import address, is_loopback, stays_here

OURS = ["127.0.0.1", "127.8.9.1", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "[::ffff:7f00:1]", "::1%lo", "127.1"]
NAMES = ["localhost", "LocalHost", "localhost.", "a.localhost"]
OTHERS = [
    "", ".", "10.1.2.3", "example.com", "127.0.0.1.nip.io", "127.0.0.1.example", "localhost.example", "notlocalhost",
    "::ffff:10.1.2.3", "fe80::1%lo", "fe80::1%eth0", "256.0.0.1", "AddressFamily.AF_UNIX", "/run/web.sock",
    "testclient", "127.0.0.1, 10.1.2.3", "a" * 300 + ".localhost", "1" * 300,
]  # fmt: skip


@pytest.mark.parametrize("text", OURS)
def test_addresses_of_this_machine(text: str) -> None:
    assert is_loopback(text)
    assert stays_here(text)


@pytest.mark.parametrize("text", NAMES)
def test_names_of_this_machine_are_no_addresses(text: str) -> None:
    assert is_loopback(text)
    assert address(text) is None


@pytest.mark.parametrize("text", OTHERS)
def test_all_others_are_not(text: str) -> None:
    assert not is_loopback(text)
    assert not stays_here(text)


@pytest.mark.parametrize("text", ["0.0.0.0", "::", "[::]"])
def test_where_a_server_listens_for_everybody_is_not(text: str) -> None:
    assert not is_loopback(text)
    assert stays_here(text)
