"""Commands on the command line: the same as over HTTP, directly on the database, with an exit status."""

import getpass
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import redis

from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.adapters.waker import QUEUE
from app.domain.reference import Repository
from app.domain.watch import JobPlace, Watch

PROGRAM = Path(sys.executable).with_name("registrywatcher")
DIGEST = "sha256:" + "a" * 64
WAITING = {
    "deployment_id": "d1",
    "phase": "active",
    "description": "",
    "desired": 1,
    "placed": 1,
    "healthy": 1,
    "unhealthy": 0,
    "canaries": 1,
    "awaits_promotion": True,
    "paused": False,
    "reverted_to": None,
}


class Installation:
    """A configuration with its database and Redis, and one running rollout whose canaries wait."""

    def __init__(self, file: Path, database_url: str, redis_url: str) -> None:
        self._file = file
        self._environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "NOMAD_ADDR": "http://127.0.0.1:1"}
        self._redis = redis.Redis.from_url(redis_url)
        self._database_url = database_url
        self.rollout_id = uuid4()

    def run(self, *message: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error of the program."""
        done = subprocess.run(
            [PROGRAM, *message, "--config", str(self._file)],
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def wake_count(self) -> int:
        """The number of messages that wait for a worker."""
        return int(self._redis.hlen(f"registrywatcher:{QUEUE}.msgs"))

    async def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        connection = await asyncpg.connect(self._database_url)
        try:
            return [dict(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()


@pytest.fixture
async def installation(tmp_path: Path, database_url: str, redis_url: str) -> Installation:
    file = tmp_path / "registrywatcher.toml"
    file.write_text("")
    repository = Repository.of("registry.example", "team/app")
    place = JobPlace(region="", namespace="default", job_id="web")
    database = Database(database_url)
    await PostgresWatches(database).sync(
        [Watch(name="app", registry="main", repository=repository, place=place, task="server")], at_start=False
    )
    installed = Installation(file, database_url, redis_url)
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO rollouts (rollout_id, target_id, intent, origin, state, submitted_at, deployment) "
            "SELECT $1, target_id, 1, 'rule', 'submitted', now(), $2 FROM watches",
            installed.rollout_id,
            WAITING,
        )
        await connection.execute(
            "INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced) "
            "VALUES ($1, 'app', 'v1.1.0', $2, false)",
            installed.rollout_id,
            DIGEST,
        )
    await database.close()
    return installed


@pytest.mark.parametrize(("way", "message"), [("promote", "Promoting the canaries of"), ("fail", "Failing the")])
async def test_a_canary_command_is_stored_by_the_systems_user_and_wakes_a_worker(
    installation: Installation, way: str, message: str
) -> None:
    status, output, _ = installation.run(way, str(installation.rollout_id))
    assert status == 0
    assert output.startswith(message)
    assert output.count("\n") == 1
    (row,) = await installation.rows("SELECT canary_command, canary_command_by, follow_at FROM rollouts")
    assert (row["canary_command"], row["canary_command_by"]) == (way, getpass.getuser())
    assert row["follow_at"] is not None
    assert installation.wake_count() == 1


async def test_a_failed_digest_is_released(installation: Installation) -> None:
    await installation.rows("INSERT INTO failures VALUES ('app', $1, $2)", DIGEST, installation.rollout_id)
    command = ("release-hold", "app", "--reason", "fixed in\nthe proxy")
    assert installation.run(*command)[:2] == (0, f"v1.1.0 {DIGEST} may be tried again\n")
    (entry,) = await installation.rows("SELECT action, reason FROM audit_log")
    assert entry == {"action": "release", "reason": "fixed in the proxy"}
    (row,) = await installation.rows("SELECT released_by FROM failures WHERE released_at IS NOT NULL")
    assert row["released_by"] == getpass.getuser()
    assert installation.wake_count() == 1


async def test_why_says_what_became_of_a_tag(installation: Installation) -> None:
    assert installation.run("why", "app", "v1.1.0")[:2] == (
        0,
        "v1.1.0: unknown: the repository was not checked yet\n  push time unknown\n"
        f"  rollout {installation.rollout_id}\n",
    )
    await installation.rows("UPDATE watches SET first_checked_at = now() - interval '1 hour', tags = '{v1.0.0,latest}'")
    await installation.rows(
        "INSERT INTO running_periods (watch_name, tag, digest) VALUES ('app', 'v1.0.0', $1)", DIGEST
    )
    status, output, _ = installation.run("why", "app")
    assert status == 0
    lines = output.splitlines()
    assert "v1.1.0: deploying: a rollout of it is under way" in lines
    assert "v1.0.0: running: it runs" in lines
    assert "latest: no release: no version number" in lines
    assert '  fix: pin it: POST /tags/app {"pinned_tag": "latest"} deploys it' in lines
    assert installation.wake_count() == 0


@pytest.mark.parametrize(
    ("message", "status", "reason"),
    [
        (("why", "nobody"), 1, "error: Error: The specified repo name 'nobody' is not being watched"),
        (("why", "app", "a tag"), 1, "error: 'a tag' is not a tag"),
        (("release-hold", "app"), 1, "error: No hold of app waits for a release"),
        (("release-hold", "app", "--reason", "x" * 301), 1, "error: Error: reason has 301 characters"),
        (("release-hold", "nobody"), 1, "error: Error: The specified repo name 'nobody' is not being watched"),
        (("rollback", str(UUID(int=1))), 1, "error: no such rollout"),
        (("promote", str(UUID(int=1))), 1, "error: no such rollout"),
        (("promote", "nonsense"), 2, "'nonsense' is not a valid UUID"),
        (("fail",), 2, "Missing argument"),
    ],
)
async def test_a_refusal_is_a_sentence_and_an_exit_status(
    installation: Installation, message: tuple[str, ...], status: int, reason: str
) -> None:
    found, output, problem = installation.run(*message)
    assert (found, output) == (status, "")
    assert reason in problem
    assert "Traceback" not in problem
    assert installation.wake_count() == 0


async def test_a_rollback_without_a_previous_image_is_refused(installation: Installation) -> None:
    status, _, problem = installation.run("rollback", str(installation.rollout_id))
    assert status == 1
    assert "it is not known what app ran before" in problem
    assert len(await installation.rows("SELECT 1 FROM rollouts")) == 1
