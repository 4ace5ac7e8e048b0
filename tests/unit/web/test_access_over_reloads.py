"""Access over the reloads of one process: for callers without a token it only ever becomes stricter."""

from itertools import permutations
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from app.bootstrap import AccessRatchet, access
from app.errors import Rejected
from app.settings import Settings
from app.web.http.arrival import Arrival, Listening
from app.web.http.auth import Access, Role
from tests.unit.settings.files import load

TOKENS = '[api_tokens.boss]\nrole = "admin"\ntoken = "the-admins-secret"\n'
TEXTS = {
    "bare": "",
    "by loopback": 'external_url = "http://127.0.0.1:8080"\n',
    "by a name": 'external_url = "https://deploys.example"\n',
    "by a name of loopback's": 'external_url = "http://127.0.0.1.nip.io"\n',
    "tokens": TOKENS,
    "tokens, by a name": 'external_url = "https://deploys.example"\n' + TOKENS,
}
ARRIVAL = Arrival(listening=Listening(addresses=("127.0.0.1",)), peer="127.0.0.1")


def allowed(access: Access) -> int:
    """What a caller of this machine may do without a token."""
    for role in (Role.ADMIN, Role.DEPLOYER, Role.VIEWER):
        try:
            return access.admit(Headers({"host": "localhost"}), role, now=0.0, arrival=ARRIVAL).role
        except Rejected:
            continue
    return Role.ANYBODY


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Settings]:
    return {name: load(tmp_path, text) for name, text in TEXTS.items()}


def test_the_access_by_each_configuration(settings: dict[str, Settings]) -> None:
    assert {name: allowed(access(each)) for name, each in settings.items()} == {
        "bare": Role.ADMIN,
        "by loopback": Role.ADMIN,
        "by a name": Role.VIEWER,
        "by a name of loopback's": Role.VIEWER,
        "tokens": Role.ANYBODY,
        "tokens, by a name": Role.ANYBODY,
    }


def test_no_reload_allows_more_than_an_earlier_configuration(settings: dict[str, Settings]) -> None:
    for order in permutations(settings, 3):
        ratchet, before = AccessRatchet(), int(Role.ADMIN)
        for name in order:
            now = ratchet.read(settings[name])
            assert allowed(now) <= before, order
            assert allowed(now) <= allowed(access(settings[name])), order
            before = allowed(now)


def test_restored_tokens_are_valid_again(settings: dict[str, Settings]) -> None:
    ratchet = AccessRatchet()
    for name in ("tokens", "bare", "tokens"):
        now = ratchet.read(settings[name])
    holder = now.holder("the-admins-secret")
    assert holder is not None
    assert holder.role is Role.ADMIN
