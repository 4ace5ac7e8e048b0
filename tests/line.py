"""The whole line in one process, for tests of behaviour: real Postgres, a registry and a Nomad over HTTP, no workers.

The registry and the simulator are in memory and are driven from the test; their ledgers are the oracle.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.adapters.postgres.inbox import PostgresInbox
from app.adapters.postgres.looks import PostgresLooks
from app.adapters.postgres.pool import Database
from app.adapters.postgres.rollouts import PostgresRollouts
from app.adapters.postgres.schedule import PostgresSchedule
from app.adapters.postgres.watches import PostgresWatches
from app.adapters.registry import RegistryClient, RegistryEndpoint
from app.domain.event import Action, Parsed, PushEvent
from app.domain.reference import Repository
from app.domain.rollout import Patience
from app.domain.watch import JobPlace, Watch
from app.local.nomad import Entry, Simulator, create_simulator_app, sample_job
from app.local.registry import LocalRegistry
from app.services.look import Looker, LookSettings, look
from app.services.observe import Observer, observe
from app.services.receive import Delivery
from app.services.reconcile import reconcile
from app.services.ringing import LOOK, OBSERVE
from app.services.schedule import sweep_forever
from tests.fakes.doorbell import InProcessDoorbell
from tests.servers.http import serve
from tests.servers.local_registry import local_registry

PATIENCE = 10.0


@dataclass(kw_only=True)
class Line:
    """The running line and everything a test drives it by."""

    database: Database
    registry: LocalRegistry
    registry_url: str
    nomad: Simulator
    doorbell: InProcessDoorbell
    looker: Looker
    observer: Observer
    registries: RegistryClient
    watches: tuple[Watch, ...] = ()
    background: list[asyncio.Task[Any]] = field(default_factory=list)

    @property
    def host(self) -> str:
        """The registry's `host:port`, as it stands in jobs."""
        return self.registry_url.partition("://")[2]

    def watch(self, name: str, **fields: Any) -> Watch:
        """A watch of `team/NAME` in job NAME, task `server`."""
        place = fields.pop("place", JobPlace(region="", namespace="default", job_id=fields.pop("job", name)))
        path = fields.pop("path", f"team/{name}")
        values: dict[str, Any] = {"task": "server", **fields}
        return Watch(name=name, registry="main", repository=Repository.of(self.host, path), place=place, **values)

    def job(self, name: str, image: str, **fields: Any) -> None:
        """Register a job that runs `team/NAME` IMAGE (":v1.0.0", "@sha256:…"), not counted as ours."""
        path = fields.pop("path", f"team/{name}")
        self.nomad.seed(sample_job(fields.pop("job", name), f"{self.host}/{path}{image}", **fields))

    async def configure(self, *watches: Watch) -> None:
        """Make these the configured watches, as a process does at start, and look at them."""
        self.watches = watches
        done = await reconcile(PostgresWatches(self.database), watches, at_start=True)
        for target_id in done.due:
            self.doorbell.ring(LOOK, str(target_id))

    async def push(self, name: str, tag: str, content: str = "", *, told: bool = True) -> str:
        """Push `team/NAME:tag`; `told` sends the webhook's event as well. Returns the digest."""
        digest = self.registry.push(f"team/{name}", tag, content=content or f"{name} {tag}")
        if told:
            await self.tell(f"team/{name}", tag, digest)
        return digest

    async def tell(self, path: str, tag: str, digest: str | None) -> UUID:
        """Deliver the event of a push, true or not; returns the delivery's id."""
        event = PushEvent(action=Action.PUSH, host=self.host, path=path, tag=tag, digest=digest, event_id=str(uuid4()))
        delivery = Delivery(delivery_id=uuid4(), source="distribution", size=1, parsed=Parsed(events=(event,)))
        receipt = await PostgresInbox(self.database).store(delivery)
        for target_id in receipt.target_ids:
            self.doorbell.ring(LOOK, str(target_id))
        return delivery.delivery_id

    async def poll(self) -> None:
        """Let the fallback poller find every target due now."""
        await self.execute("UPDATE targets SET poll_at = now() - interval '1 second'")
        for target_id in await PostgresSchedule(self.database).due_for_poll(interval=60, limit=1000):
            self.doorbell.ring(LOOK, str(target_id))

    async def mark(self) -> None:
        """Make every target due for a thorough look."""
        rows = await self.fetch(
            "UPDATE targets SET mark = mark + 1, thorough = true, due_at = now() RETURNING target_id"
        )
        for row in rows:
            self.doorbell.ring(LOOK, str(row["target_id"]))

    async def set_rule(self, name: str, **columns: Any) -> None:
        """Change a watch's rule as the web does, and have it looked at."""
        for column, value in columns.items():
            await self.execute(
                f"UPDATE watches SET {column} = $1, word_at = clock_timestamp() WHERE name = $2", value, name
            )
        await self.mark()

    async def ask(self, name: str, tag: str, *, forced: bool = True, origin: str = "deploy") -> UUID:
        """A person's word: deploy this tag."""
        rollout_id = uuid4()
        async with self.database.transaction() as connection:
            target_id = await connection.fetchval("SELECT target_id FROM watches WHERE name = $1", name)
            await connection.execute(
                "UPDATE rollouts SET ended_at = clock_timestamp(), state = 'ended', outcome = 'superseded' "
                "WHERE target_id = $1 AND ended_at IS NULL",
                target_id,
            )
            await connection.execute(
                "INSERT INTO rollouts (rollout_id, target_id, intent, origin, asked_by) "
                "SELECT $1, $2, coalesce(max(intent), 0) + 1, $3, 'somebody' FROM rollouts WHERE target_id = $2",
                rollout_id,
                target_id,
                origin,
            )
            await connection.execute(
                "INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced) VALUES ($1, $2, $3, '', $4)",
                rollout_id,
                name,
                tag,
                forced,
            )
        await self.mark()
        return rollout_id

    def images(self, job: str, task: str = "server") -> list[str]:
        """Images of our registrations of the job, oldest first, without the registry's host."""
        return [self._image(entry, task) for entry in self.nomad.ledger.entries(job=job)]

    def _image(self, entry: Entry, task: str) -> str:
        found = [image for (_, name), image in entry.images.items() if name == task]
        return found[0].removeprefix(f"{self.host}/")

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        async with self.database.connection() as connection:
            return list(await connection.fetch(statement, *values))

    async def execute(self, statement: str, *values: Any) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statement, *values)

    async def hold(self, name: str) -> tuple[str, str]:
        """(reason, words) of the watch's decision now."""
        rows = await self.fetch(
            "SELECT reason, words FROM decisions JOIN watches USING (decision_id) WHERE name = $1", name
        )
        return (rows[0]["reason"], rows[0]["words"]) if rows else ("", "")

    async def until(self, condition: Callable[[], Any], what: str, *, within: float = PATIENCE) -> Any:
        """Wait until the condition (plain or async) is true; fails with `what` after `within` seconds."""
        deadline = asyncio.get_running_loop().time() + within
        while True:
            value = condition()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"not within {within} s: {what}; {await self.describe()}")
            await asyncio.sleep(0.01)

    async def held(self, name: str, reason: str) -> str:
        """Wait until the watch holds for this reason; returns the words."""

        async def matches() -> str:
            found, words = await self.hold(name)
            return words if found == reason else ""

        return str(await self.until(matches, f"{name} holds for {reason}"))

    async def deployed(self, name: str, image: str) -> None:
        """Wait until the job's last registration by us is `image`, and its rollout has succeeded."""
        await self.until(lambda: self.images(name)[-1:] == [image], f"{name} deployed as {image}")
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until nothing is due, nothing is under lease and no rollout is open."""

        async def idle() -> bool:
            rows = await self.fetch(
                "SELECT (SELECT count(*) FROM targets WHERE due_at IS NOT NULL OR lease_until > clock_timestamp()) "
                "+ (SELECT count(*) FROM rollouts WHERE ended_at IS NULL) AS open"
            )
            return rows[0]["open"] == 0

        await self.until(idle, "everything is quiet")

    async def describe(self) -> Mapping[str, Any]:
        """What a failed wait needs to be understood."""
        return {
            "ledger": [(entry.job, sorted(entry.images.values())) for entry in self.nomad.ledger.entries()][-5:],
            "targets": [
                dict(row) for row in await self.fetch("SELECT job_id, due_at, lease_until, trouble FROM targets")
            ],
            "decisions": [
                tuple(row)
                for row in await self.fetch(
                    "SELECT watch_name, reason, words, looks FROM decisions ORDER BY decision_id"
                )
            ][-8:],
            "rollouts": [
                tuple(row) for row in await self.fetch("SELECT state, outcome, reason, note, trouble FROM rollouts")
            ][-5:],
            "troubles": [
                tuple(row) for row in await self.fetch("SELECT name, trouble FROM watches WHERE trouble <> ''")
            ],
        }


@asynccontextmanager
async def line(
    database_url: str,
    *,
    registry: LocalRegistry | None = None,
    nomad: Simulator | None = None,
    look_settings: LookSettings | None = None,
    patience: Patience | None = None,
    sweep: bool = True,
) -> AsyncIterator[Line]:
    """Open the line on a migrated database; everything stops at the end."""
    simulator = nomad or Simulator()
    bell = InProcessDoorbell()
    database = Database(database_url)
    with ExitStack() as servers:
        the_registry, registry_url = servers.enter_context(local_registry(registry))
        nomad_url = servers.enter_context(serve(create_simulator_app(simulator)))
        endpoint = RegistryEndpoint(name="main", scheme="http", domain=registry_url.partition("://")[2])
        registries = RegistryClient({"main": endpoint})
        deployer = NomadDeployer(NomadConnection(address=nomad_url))
        opened = Line(
            database=database,
            registry=the_registry,
            registry_url=registry_url,
            nomad=simulator,
            doorbell=bell,
            registries=registries,
            looker=Looker(
                looks=PostgresLooks(database),
                registries=registries,
                deployer=deployer,
                doorbell=bell,
                settings=look_settings or LookSettings(),
            ),
            observer=Observer(
                rollouts=PostgresRollouts(database),
                deployer=deployer,
                doorbell=bell,
                patience=patience or Patience(grace=0.1),
            ),
        )
        bell.steps = {
            LOOK: lambda key: look(opened.looker, int(key)),
            OBSERVE: lambda key: observe(opened.observer, UUID(key)),
        }
        if sweep:
            opened.background.append(asyncio.create_task(sweep_forever(PostgresSchedule(database), bell)))
        try:
            yield opened
        finally:
            for task in opened.background:
                task.cancel()
            await asyncio.gather(*opened.background, return_exceptions=True)
            await bell.close()
            await registries.aclose()
            await deployer.aclose()
            await database.close()
