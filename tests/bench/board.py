"""The cost of a page's statements: `python -m tests.bench.board [watches[xtags] …]`.

Measured in CPU time of the Postgres backend and of this process, which a busy machine changes little, and in elapsed
time.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

from app.adapters.postgres.database.migrate import migrate
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.views.board import PostgresBoard
from app.domain.condition import Condition
from app.local.postgres import EmbeddedPostgres
from app.services.views.board import Search, TimelineQuery
from tests.seeded_watches import name_of, seed_watches
from tests.servers.postgres import Databases

_TIMES = 20


async def measure(url: str, count: int, tags: int) -> None:
    """Seed a database and print the cost of every query of the pages."""
    await migrate(url)
    database = Database(url, size=1)  # a single backend, so that its CPU time can be read
    await seed_watches(database, count, tags=tags)
    board = PostgresBoard(database)
    queries: dict[str, Callable[[], Awaitable[object]]] = {
        "situation": board.situation,
        "listing": lambda: board.listing(Search(), offset=0, limit=100),
        "listing, last page": lambda: board.listing(Search(), offset=count - 100, limit=100),
        "listing, up to date": lambda: board.listing(
            Search(conditions=frozenset({Condition.CURRENT})), offset=0, limit=100
        ),
        "search by name": lambda: board.listing(Search(terms=(name_of(77),)), offset=0, limit=100),
        "search by tag": lambda: board.listing(Search(terms=("V1.7.",)), offset=0, limit=100),
        "search in vain": lambda: board.listing(Search(terms=("nowhere", "svc")), offset=0, limit=100),
        "suggest names": lambda: board.suggestions("svc-000", limit=12),
        "suggest tags": lambda: board.suggestions("v1.", limit=12),
        "suggest in vain": lambda: board.suggestions("nowhere", limit=12),
        "activity": lambda: board.entries(TimelineQuery(), limit=50),
        "activity of ann": lambda: board.entries(TimelineQuery(by="ann"), limit=50),
        "timeline": lambda: board.entries(TimelineQuery(watch=name_of(5)), limit=50),
        "people": board.people,
        "deliveries": lambda: board.deliveries(source="", acceptance=None, before=None, limit=50),
        "tag": lambda: board.tag(name_of(5), "v1.3.0"),
        "rollouts of": lambda: board.rollouts_of(name_of(5), limit=20),
    }
    async with database.connection() as connection:
        backend = Path(f"/proc/{await connection.fetchval('SELECT pg_backend_pid()')}/schedstat")
    print(f"{count} watches, {tags} tags each: ms of Postgres, of Python, by the clock")
    for what, query in queries.items():
        taken = [await _measured(query, backend) for _ in range(_TIMES)]
        print(f"  {what:24}", *(f"{median(each):8.1f}" for each in zip(*taken, strict=True)), flush=True)
    await database.close()


async def _measured(query: Callable[[], Awaitable[object]], backend: Path) -> tuple[float, float, float]:
    """Milliseconds of the backend, of this process, and elapsed."""
    before = _ran(backend), time.process_time(), time.perf_counter()
    await query()
    after = _ran(backend), time.process_time(), time.perf_counter()
    server, client, clock = (1000 * (end - begin) for begin, end in zip(before, after, strict=True))
    return server, client, clock


def _ran(backend: Path) -> float:
    return int(backend.read_text().split()[0]) / 1e9


def main(sizes: list[str]) -> None:
    """Measure each size on its own database, on one private server."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o711)
        with EmbeddedPostgres(Path(made), durable=False) as server:
            databases = Databases(server.url)
            for size in sizes or ["1000", "10000"]:
                count, _, tags = size.partition("x")
                url = databases.empty()
                asyncio.run(measure(url, int(count), int(tags or 30)))
                databases.drop(url)


if __name__ == "__main__":
    main(sys.argv[1:])
