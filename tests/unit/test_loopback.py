"""What is loopback: addresses and the names that cannot be anything else; never what DNS would say."""

import pytest

from app.loopback import is_loopback, is_loopback_address

OURS = ["127.0.0.1", "127.8.9.1", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::1%lo"]
NAMES = ["localhost", "LocalHost", "localhost.", "a.localhost", "[::1]", "[::ffff:127.0.0.1]"]
OTHERS = [
    "", ".", "0.0.0.0", "::", "10.1.2.3", "example.com", "127.0.0.1.nip.io", "127.0.0.1.example", "localhost.example",
    "notlocalhost", "::ffff:10.1.2.3", "fe80::1%lo", "fe80::1%eth0", "127.1", "2130706433", "0x7f.0.0.1", "127.0.0.01",
    "AddressFamily.AF_UNIX", "/run/web.sock", "testclient",
]  # fmt: skip


@pytest.mark.parametrize("text", OURS)
def test_addresses_of_this_machine(text: str) -> None:
    assert is_loopback_address(text)
    assert is_loopback(text)


@pytest.mark.parametrize("text", NAMES)
def test_names_are_of_this_machine_only_in_urls(text: str) -> None:
    assert is_loopback(text)
    assert not is_loopback_address(text)


@pytest.mark.parametrize("text", OTHERS)
def test_all_others_are_not(text: str) -> None:
    assert not is_loopback(text)
    assert not is_loopback_address(text)
