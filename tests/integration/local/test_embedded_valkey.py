"""The embedded Valkey keeps what was written, is private, and can be stopped, frozen and killed."""

import signal
import stat
from pathlib import Path

import pytest
import redis

from app.local.daemon import ServerFailed
from app.local.valkey import EmbeddedValkey


def client(server: EmbeddedValkey) -> redis.Redis:
    return redis.Redis.from_url(server.url, socket_timeout=1)


def test_kept_keys_survive_stop_on_the_same_url(private_valkey: EmbeddedValkey) -> None:
    url = private_valkey.url
    with client(private_valkey) as connection:
        connection.set("kept", "yes")
    private_valkey.stop()
    assert private_valkey.pid == 0
    private_valkey.start()
    assert private_valkey.url == url
    with client(private_valkey) as connection:
        assert connection.get("kept") == b"yes"


def test_killed_it_is_away_until_started(private_valkey: EmbeddedValkey) -> None:
    private_valkey.kill()
    with client(private_valkey) as connection:
        with pytest.raises(redis.ConnectionError):
            connection.ping()
        private_valkey.start()
        assert connection.ping()


def test_frozen_it_hangs_and_stop_still_ends_it(private_valkey: EmbeddedValkey) -> None:
    private_valkey.signal(signal.SIGSTOP)
    with client(private_valkey) as connection, pytest.raises(redis.TimeoutError):
        connection.ping()
    private_valkey.stop()
    assert private_valkey.pid == 0


def test_it_is_a_queue_that_forgets_nothing(private_valkey: EmbeddedValkey) -> None:
    with client(private_valkey) as connection:
        configured = {name: connection.config_get(name)[name] for name in ("appendonly", "maxmemory-policy", "save")}
    assert configured == {"appendonly": "yes", "maxmemory-policy": "noeviction", "save": ""}


def test_a_stranger_without_the_password_is_refused(private_valkey: EmbeddedValkey, server_directory: Path) -> None:
    open_url = "redis://" + private_valkey.url.rpartition("@")[2]
    with redis.Redis.from_url(open_url) as connection, pytest.raises(redis.AuthenticationError):
        connection.ping()
    for file in (*server_directory.glob("*/password"), *server_directory.glob("*/valkey.conf")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_failed_start_shows_the_log(server_directory: Path, private_valkey: EmbeddedValkey) -> None:
    taken = int(private_valkey.url.rpartition(":")[2].split("/")[0])
    with pytest.raises(ServerFailed, match="Address already in use"):
        EmbeddedValkey(server_directory, port=taken).start()
