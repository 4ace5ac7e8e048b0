"""What only a restart changes stays as it was, and is named until the file agrees again."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.bootstrap.restart import until_restart
from app.settings import Settings
from tests.unit.settings.files import SOUND, load

HEAD = {
    "server_listening_address": '"127.0.0.1:8080"',
    "database_url": '"postgres://u:p@db/d"',
    "redis_url": '"redis://redis:6379/0"',
    "lease_seconds": "4",
    "create_database_schema": "false",
}


def read(folder: Path, **changes: str) -> Settings:
    head = "".join(f"{key} = {value}\n" for key, value in {**HEAD, **changes}.items())
    return load(folder, head + SOUND)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("server_listening_address", '"0.0.0.0:8080"'),
        ("database_url", '"postgres://u:p@db/other"'),
        ("redis_url", '"redis://redis:6379/1"'),
        ("lease_seconds", "8"),
        ("create_database_schema", "true"),
    ],
)
def test_it_is_named_and_stays_as_it_was(tmp_path: Path, key: str, value: str) -> None:
    started = read(tmp_path)
    changed = read(tmp_path, **{key: value}, poll_interval='"1h"')
    kept, message = until_restart(started, changed, listens=True)
    assert key in message
    assert value not in message
    assert "restart" in message
    assert (kept.host, kept.port, kept.redis_url) == (started.host, started.port, started.redis_url)
    assert (kept.database_url, kept.lease_seconds) == (started.database_url, started.lease_seconds)
    assert kept.create_database_schema == started.create_database_schema
    assert kept.poll_interval == 3600.0
    assert until_restart(started, read(tmp_path, poll_interval='"2h"'), listens=True)[1] == ""


def test_an_option_that_chose_the_port_is_no_change(tmp_path: Path) -> None:
    started = replace(read(tmp_path), port=9999)
    kept, message = until_restart(started, read(tmp_path), listens=True)
    assert (kept.port, message) == (9999, "")


def test_the_address_is_nothing_to_a_process_that_does_not_listen(tmp_path: Path) -> None:
    other = read(tmp_path, server_listening_address='"0.0.0.0:8080"')
    assert until_restart(read(tmp_path), other, listens=False)[1] == ""
