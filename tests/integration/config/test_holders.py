"""Which processes run with which configuration, as Postgres knows it."""

import os
import socket
from uuid import uuid4

from app.adapters.postgres.config.holders import PostgresHolders
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.processes.presence import PostgresPresences
from app.services.processes.presence import Heartbeat, ProcessKind
from tests.integration.statements import execute


async def beat(database: Database, kind: ProcessKind, configuration: str) -> None:
    await PostgresPresences(database).beat(
        Heartbeat(
            process_id=uuid4(),
            kind=kind,
            host=socket.gethostname(),
            pid=os.getpid(),
            age=0.0,
            loops=(),
            configuration=configuration,
        )
    )


async def test_those_that_live_and_have_settled_are_told(database: Database) -> None:
    store = PostgresHolders(database)
    await beat(database, ProcessKind.WEB, "one")
    await beat(database, ProcessKind.WORKER, "two")
    await beat(database, ProcessKind.POLLER, "")
    assert await store.holders(settled=10.0) == ()
    assert [each.configuration for each in await store.holders(settled=0.0)] == ["one", "two"]
    await execute(database, "UPDATE processes SET configuration_since = configuration_since - interval '11 seconds'")
    web, worker = await store.holders(settled=10.0)
    assert (web.kind, web.pid, web.configuration) == ("web", os.getpid(), "one")
    assert worker.kind == "worker"
    await execute(database, "UPDATE processes SET beat_at = beat_at - interval '11 seconds' WHERE kind = 'web'")
    assert [each.kind for each in await store.holders(settled=10.0)] == ["worker"]
