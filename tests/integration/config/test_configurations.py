"""Several processes bring files that differ into one Postgres: the newer one counts, whatever their clocks say."""

import asyncio
from dataclasses import replace

import pytest

from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.domain.configuration import Reading
from app.domain.watch import Watch
from app.services.config.sync import Synced, sync
from tests.integration.config.test_sync import APP, ELSEWHERE, PLACE, SIDECAR, rows, target
from tests.integration.statements import execute

OTHER = replace(APP, name="other", place=ELSEWHERE)
OLD = (APP, SIDECAR)
NEW = (APP, SIDECAR, OTHER)
STARTED = Reading(edited=False, repeated=False)
EDITED = Reading(edited=True, repeated=False)


@pytest.fixture
def store(database: Database) -> PostgresWatches:
    return PostgresWatches(database)


async def present(database: Database) -> list[object]:
    found = await rows(database, "SELECT name FROM watches WHERE present ORDER BY position")
    return [each["name"] for each in found]


async def start(database: Database, *watches: Watch) -> Synced:
    """As a process that starts does, with connections of its own kind."""
    return await sync(PostgresWatches(database), watches, at_start=True, reading=STARTED)


async def edit(database: Database, *watches: Watch) -> Synced:
    """As a running process does whose file a person changed."""
    return await sync(PostgresWatches(database), watches, reading=EDITED)


async def test_an_older_file_takes_nothing_away_and_brings_nothing_back(database: Database) -> None:
    await start(database, *OLD)
    await start(database, *NEW)  # a rolling restart: the first with the new file
    restarted = await start(database, *OLD)  # one that crashed, with the old file
    assert restarted.waits is not None
    assert restarted.waits.older
    assert await present(database) == ["app", "sidecar", "other"]
    reread = await sync(PostgresWatches(database), OLD, reading=STARTED)  # SIGHUP in one that still runs
    assert reread.waits is not None
    await edit(database, APP, SIDECAR)  # a person went back
    assert await present(database) == ["app", "sidecar"]
    assert (await start(database, *NEW)).waits is not None  # which has become the older one
    assert await present(database) == ["app", "sidecar"]


async def test_two_files_for_ever_stay_with_the_newer(database: Database) -> None:
    await start(database, *OLD)
    await start(database, *NEW)
    for _ in range(3):
        assert (await start(database, *OLD)).waits is not None
        assert (await start(database, *NEW)).waits is None
    assert await present(database) == ["app", "sidecar", "other"]


async def test_an_older_file_changes_and_adds_nothing_either(database: Database) -> None:
    await start(database, replace(APP, observe_only=True), SIDECAR)
    await start(database, APP)
    assert (await start(database, replace(APP, observe_only=True), SIDECAR)).waits is not None
    assert await rows(database, "SELECT name, observe_only FROM watches WHERE present") == [
        {"name": "app", "observe_only": False}
    ]


async def test_processes_that_change_together_agree(database: Database) -> None:
    await start(database, *OLD)
    results = await asyncio.gather(*(edit(database, *NEW) for _ in range(5)))
    assert sorted(each.added for each in results) == [(), (), (), (), ("other",)]
    assert all(each.waits is None for each in results)
    assert await rows(database, "SELECT count(*) AS count, max(revision) AS revision FROM configurations") == [
        {"count": 2, "revision": 2}
    ]


@pytest.mark.parametrize("watches", [(), (APP,)], ids=["emptied", "most of it"])
async def test_what_takes_most_away_waits_at_a_start_too_and_every_job_is_looked_at(
    database: Database, watches: tuple[Watch, ...]
) -> None:
    await start(database, *NEW)
    await execute(database, "DELETE FROM wakes")
    for act in (start, edit):
        done = await act(database, *watches)
        assert done.waits is not None
        assert not done.waits.older
        assert await present(database) == ["app", "sidecar", "other"]
        assert bool(done.due) == (act is start)
    assert (await target(database, "elsewhere"))["wakes"] == 1


async def test_it_is_taken_when_it_reads_the_same_a_minute_later(database: Database, store: PostgresWatches) -> None:
    await start(database, *NEW)
    done = await sync(store, [APP], reading=Reading(edited=True, repeated=True))
    assert done.removed == ("sidecar", "other")
    assert await present(database) == ["app"]


async def test_it_is_taken_when_a_person_accepts_it_and_once_only(database: Database, store: PostgresWatches) -> None:
    await start(database, *NEW)
    assert (await edit(database, APP)).waits is not None
    difference = await store.preview([APP], accepted_by="ann")
    assert difference.removed == ("sidecar", "other")
    assert await present(database) == ["app", "sidecar", "other"]
    assert (await edit(database, APP)).removed == ("sidecar", "other")
    await edit(database, *NEW)
    assert (await edit(database, APP)).waits is not None


async def test_a_person_goes_back_to_an_older_file(database: Database, store: PostgresWatches) -> None:
    await start(database, *OLD)
    await start(database, *NEW)
    await store.preview(OLD, accepted_by="ann")
    assert (await start(database, *OLD)).removed == ("other",)
    assert (await start(database, *NEW)).waits is not None


async def test_an_acceptance_is_of_one_content_and_is_forgotten(database: Database, store: PostgresWatches) -> None:
    await start(database, *NEW)
    await store.preview([APP], accepted_by="ann")
    assert (await edit(database)).waits is not None
    await execute(database, "UPDATE configurations SET accepted_at = accepted_at - interval '61 minutes'")
    assert (await edit(database, APP)).waits is not None


async def test_looking_at_what_would_change_accepts_nothing(database: Database, store: PostgresWatches) -> None:
    await start(database, *NEW)
    await store.preview([APP])
    assert (await edit(database, APP)).waits is not None


async def test_what_changes_nothing_needs_no_acceptance(database: Database, store: PostgresWatches) -> None:
    await start(database, *NEW)
    await store.preview(NEW, accepted_by="ann")
    assert await rows(database, "SELECT accepted_at FROM configurations") == [{"accepted_at": None}]


async def test_watches_from_before_configurations_were_remembered_are_kept_by_the_first_that_starts(
    database: Database,
) -> None:
    await start(database, *NEW)
    await execute(database, "DELETE FROM configurations")
    assert (await start(database, APP)).waits is not None
    assert (await start(database, *NEW)).waits is None
    assert (await start(database, APP, SIDECAR)).removed == ("other",)


async def test_a_move_of_most_watches_waits_and_forgets_nothing(database: Database) -> None:
    """A file whose last line, the namespace of [nomad] or a registry's prefix, is not written yet."""
    await start(database, *NEW)
    await execute(database, "UPDATE watches SET hold = 'drifted'")
    moved = [replace(each, place=replace(each.place, namespace="ops")) for each in NEW]
    done = await edit(database, *moved)
    assert done.waits is not None
    assert "moves 3 of 3 watches" in done.waits.reason
    assert await rows(database, "SELECT DISTINCT hold FROM watches") == [{"hold": "drifted"}]
    assert (await edit(database, moved[0], SIDECAR, OTHER)).changed == ("app",)


async def test_a_registrys_last_watch_waits(database: Database) -> None:
    second = replace(OTHER, registry="second")
    many = [replace(APP, name=f"app-{number}", place=replace(PLACE, job_id=f"job-{number}")) for number in range(4)]
    await start(database, *many, second)
    done = await edit(database, *many)
    assert done.waits is not None
    assert "registry second" in done.waits.reason
