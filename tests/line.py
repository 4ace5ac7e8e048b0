"""The whole line in one process, for tests of behaviour: real Postgres, a registry and a Nomad over HTTP, no workers.

The registry and the simulator are in memory and are driven from the test; their ledgers are the oracle.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.adapters.nomad.jobspec import MARKER
from app.adapters.postgres.inbox import PostgresInbox
from app.adapters.postgres.looks import PostgresLooks
from app.adapters.postgres.pool import Database
from app.adapters.postgres.rollouts import PostgresRollouts
from app.adapters.postgres.rules import PostgresRules
from app.adapters.postgres.schedule import PostgresSchedule
from app.adapters.postgres.steering import PostgresSteering
from app.adapters.postgres.watches import PostgresWatches
from app.adapters.registry import RegistryClient, RegistryEndpoint
from app.domain.event import Action, Parsed, PushEvent
from app.domain.reference import Repository
from app.domain.rollout import Patience
from app.domain.watch import JobPlace, Watch
from app.errors import StoreUnavailable
from app.local.nomad import Entry, Simulator, Timing, create_simulator_app, sample_job
from app.local.nomad.faults import Action as FaultAction
from app.local.nomad.faults import Fault
from app.local.registry import LocalRegistry
from app.ports import RegistrySource
from app.services import operate, steer
from app.services.look import Looker, LookSettings, look
from app.services.observe import Observer, observe
from app.services.operate import Operator
from app.services.receive import Delivery
from app.services.reconcile import reconcile
from app.services.ringing import LOOK, OBSERVE
from app.services.schedule import sweep_forever
from app.services.vigil import Vigil
from tests.fakes.doorbell import InProcessDoorbell
from tests.servers.http import serve
from tests.servers.local_registry import local_registry

PATIENCE = 90.0  # seconds for what takes milliseconds on an idle machine
_POSTS = 300

SLOW = Timing(healthy=3600, healthy_deadline=7200, progress_deadline=7200)
"""A Nomad in which every deployment lasts an hour: `nomad.skip(3600)` ends it well."""

_NOTICE_OF = {"succeeded": "succeeded", "failed": "failed", "superseded": "superseded"}


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
    operator: Operator
    watches: tuple[Watch, ...] = ()
    refusals: int = 0
    """How often a delivery could not be stored, and was sent again."""

    @property
    def host(self) -> str:
        """The registry's `host:port`, as it stands in jobs."""
        return self.registry_url.partition("://")[2]

    def watch(self, name: str, **fields: Any) -> Watch:
        """A watch of `team/NAME` in job NAME, task `server`."""
        place = fields.pop("place", JobPlace(region="", namespace="default", job_id=fields.pop("job", name)))
        repository = Repository.of(fields.pop("host", self.host), fields.pop("path", f"team/{name}"))
        values: dict[str, Any] = {"registry": "main", "task": "server", **fields}
        return Watch(name=name, repository=repository, place=place, **values)

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

    async def start(self, name: str = "app", tag: str = "v1.0.0", **fields: Any) -> str:
        """Push `team/NAME:tag`, run it by its tag in job NAME, watch it and look once. Returns the digest."""
        digest = await self.push(name, tag, told=False)
        self.job(name, f":{tag}")
        await self.configure(self.watch(name, **fields))
        await self.held(name, "up_to_date")
        await self.quiet()
        return digest

    async def push(self, name: str, tag: str, content: str = "", *, told: bool = True) -> str:
        """Push `team/NAME:tag`; `told` sends the webhook's event as well. Returns the digest."""
        digest = self.registry.push(f"team/{name}", tag, content=content or f"{name} {tag}")
        if told:
            await self.tell(f"team/{name}", tag, digest)
        return digest

    async def tell(self, path: str, tag: str, digest: str | None) -> UUID:
        """Deliver the event of a push, true or not, until it is stored, as registries do; returns the delivery's id."""
        event = PushEvent(action=Action.PUSH, host=self.host, path=path, tag=tag, digest=digest, event_id=str(uuid4()))
        # The web gives a sender up after a second; here a slow commit is waited for, so that the id is the event's.
        inbox = PostgresInbox(self.database, patience=PATIENCE)
        for _ in range(_POSTS):
            delivery = Delivery(delivery_id=uuid4(), source="distribution", size=1, parsed=Parsed(events=(event,)))
            try:
                receipt = await inbox.store(delivery)
            except StoreUnavailable:
                self.refusals += 1
                await asyncio.sleep(0.1)
                continue
            for target_id in receipt.target_ids:
                self.doorbell.ring(LOOK, str(target_id))
            return delivery.delivery_id
        raise AssertionError(f"not stored by {_POSTS} posts")

    async def poll(self) -> None:
        """Let the fallback poller find every target due now."""
        await self.execute("UPDATE targets SET poll_at = now() - interval '1 second'")
        # One that is being written to is passed over, and found a moment later.
        while await self.fetch(
            "SELECT 1 FROM targets t WHERE poll_at <= clock_timestamp() "
            "AND EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND present)"
        ):
            for target_id in await PostgresSchedule(self.database).due_for_poll(interval=60, limit=1000):
                self.doorbell.ring(LOOK, str(target_id))

    async def due(self) -> list[int]:
        """Make every target due for a thorough look, without telling anybody; returns their ids."""
        rows = await self.fetch(
            "UPDATE targets SET mark = mark + 1, thorough = true, due_at = now() RETURNING target_id"
        )
        return [row["target_id"] for row in rows]

    async def mark(self) -> None:
        """Make every target due for a thorough look, and ring for it."""
        for target_id in await self.due():
            self.doorbell.ring(LOOK, str(target_id))

    async def switch(self, name: str, *, on: bool) -> None:
        """Switch the watch's auto deploy."""
        await operate.set_rule(self.operator, name, by="somebody", auto_deploy=on)

    async def deploy(self, name: str, tag: str) -> UUID:
        """A person pins the tag; "" follows releases. Returns the rollout's id."""
        reply = await operate.set_rule(self.operator, name, by="somebody", pinned_tag=tag)
        assert reply.rollout_id is not None
        return reply.rollout_id

    async def reset(self, name: str) -> UUID:
        """A person resets the watch. Returns the rollout's id."""
        reply = await operate.reset(self.operator, name, by="somebody")
        assert reply.rollout_id is not None
        return reply.rollout_id

    async def rollback(self, rollout_id: UUID) -> UUID:
        """A person goes back from, or to, the rollout. Returns the id of the rollout that does."""
        reply = await steer.rollback(self.operator, rollout_id, by="somebody")
        assert reply.rollout_id is not None
        return reply.rollout_id

    async def release(self, name: str) -> str:
        """A person lets go what holds the watch back. Returns what they are told."""
        return (await operate.release_hold(self.operator, name, by="somebody")).message

    async def pause(self, *, paused: bool = True) -> None:
        """A person pauses everything, or resumes."""
        await operate.switch(self.operator, paused=paused, by="somebody")

    def nomad_answers(self, status: int, *, method: str = "*", times: int = 1, text: str = "") -> None:
        """Let Nomad answer the next requests with this status."""
        self.nomad.faults.add(Fault(action=FaultAction.STATUS, method=method, status=status, times=times, text=text))

    def nomad_loses_answers(self, *, times: int) -> None:
        """Let Nomad apply the next writes and drop the connection."""
        self.nomad.faults.add(Fault(action=FaultAction.RESET, method="POST", after=True, times=times))

    def nomad_hangs(self, seconds: float, *, method: str, path: str = "*") -> None:
        """Let Nomad's next answer come this much later."""
        self.nomad.faults.add(Fault(action=FaultAction.HANG, method=method, path=path, seconds=seconds))

    def by_hand(self, job: str, image: str, *, path: str = "") -> None:
        """A person changes the image in the job."""
        self.nomad.set_image(job, group="app", task="server", image=f"{self.host}/{path or f'team/{job}'}{image}")

    def child_digest(self, path: str, tag: str) -> str:
        """The digest of the first manifest that the index behind the tag lists."""
        found = self.registry.contents.manifest(path, tag)
        assert found is not None
        digest: str = json.loads(found.body)["manifests"][0]["digest"]
        return digest

    async def outcome(self, rollout_id: UUID) -> tuple[str, str]:
        """(outcome, reason) of the rollout, once it has ended."""

        async def ended() -> tuple[str, str] | None:
            rows = await self.fetch("SELECT outcome, reason FROM rollouts WHERE rollout_id = $1", rollout_id)
            return (rows[0]["outcome"], rows[0]["reason"]) if rows and rows[0]["outcome"] else None

        found: tuple[str, str] = await self.until(ended, f"rollout {rollout_id} ends")
        return found

    async def outcomes(self) -> list[str]:
        """How our rollouts ended, oldest first; "" for one that has not."""
        rows = await self.fetch("SELECT coalesce(outcome, '') AS outcome FROM rollouts ORDER BY target_id, intent")
        return [row["outcome"] for row in rows]

    async def notices(self, *kinds: str) -> list[str]:
        """Headlines and details of the notices of these kinds, oldest first."""
        rows = await self.fetch(
            "SELECT headline || ': ' || detail AS told FROM notices WHERE kind = ANY($1) ORDER BY notice_id",
            list(kinds),
        )
        return [row["told"] for row in rows]

    def markers(self, job: str) -> list[bool]:
        """Whether our registrations of the job carried a marker that the one before did not have."""
        found = [set(meta.values()) for meta in (self._meta(each) for each in self.nomad.ledger.entries(job=job))]
        return [bool(now - before) for before, now in zip([set[str](), *found], found, strict=False)]

    @staticmethod
    def _meta(entry: Entry) -> dict[tuple[str, str], str]:
        return {place: meta[MARKER] for place, meta in entry.metas.items() if MARKER in meta}

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

    async def looked(self, name: str) -> None:
        """Wait for the watch's first look."""

        async def decided() -> bool:
            return (await self.hold(name))[0] != ""

        await self.until(decided, f"{name} is looked at")

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
                "+ (SELECT count(*) FROM wakes) "
                "+ (SELECT count(*) FROM rollouts WHERE ended_at IS NULL) AS open"
            )
            return bool(rows[0]["open"] == 0)

        await self.until(idle, "everything is quiet")

    async def audit(self) -> None:
        """Every rollout ends, with exactly one outcome and one notice that tells of it."""

        async def all_ended() -> bool:
            return not await self.fetch("SELECT 1 FROM rollouts WHERE ended_at IS NULL OR outcome IS NULL")

        await self.until(all_ended, "every rollout has ended")
        told = await self.fetch(
            "SELECT rollout_id, outcome, array(SELECT kind FROM notices n WHERE n.rollout_id = r.rollout_id "
            "AND kind = ANY($1)) AS kinds FROM rollouts r",
            ["succeeded", "failed", "superseded", "ended"],
        )
        wrong = [dict(row) for row in told if row["kinds"] != [_NOTICE_OF.get(row["outcome"], "ended")]]
        assert not wrong, f"rollouts without their one notice: {wrong}"

    async def quiet_for_now(self) -> None:
        """Wait until nothing is due now, though something may be later."""

        async def idle() -> bool:
            return not await self.fetch(
                "SELECT 1 FROM targets WHERE due_at <= clock_timestamp() OR lease_until > clock_timestamp() "
                "UNION ALL SELECT 1 FROM wakes"
            )

        await self.until(idle, "nothing is due now")

    async def let_pass(self, seconds: float) -> None:
        """Let time pass in Postgres: what is due within `seconds` is due now, and what was received is older."""
        await self.execute("UPDATE deliveries SET received_at = received_at - make_interval(secs => $1)", seconds)
        for row in await self.fetch(
            "UPDATE targets SET due_at = clock_timestamp(), poll_at = poll_at - make_interval(secs => $1), "
            "trouble_since = trouble_since - make_interval(secs => $1) "
            "WHERE due_at <= clock_timestamp() + make_interval(secs => $1) RETURNING target_id",
            seconds,
        ):
            self.doorbell.ring(LOOK, str(row["target_id"]))

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
            "rollouts": [tuple(row) for row in await self.fetch("SELECT state, outcome, reason, note FROM rollouts")][
                -5:
            ],
            "troubles": [
                tuple(row) for row in await self.fetch("SELECT name, trouble FROM watches WHERE trouble <> ''")
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A registry and a Nomad, served over HTTP."""

    registry: LocalRegistry
    registry_url: str
    nomad: Simulator
    nomad_url: str


@contextmanager
def world(*, registry: LocalRegistry | None = None, nomad: Simulator | None = None) -> Iterator[World]:
    """Serve a registry and a Nomad."""
    simulator = nomad or Simulator()
    with local_registry(registry) as (served, registry_url), serve(create_simulator_app(simulator)) as nomad_url:
        yield World(registry=served, registry_url=registry_url, nomad=simulator, nomad_url=nomad_url)


@asynccontextmanager
async def line(
    database_url: str,
    *,
    around: World | None = None,
    nomad: Simulator | None = None,
    look_settings: LookSettings | None = None,
    patience: Patience | None = None,
    more_registries: Mapping[str, RegistryEndpoint] | None = None,
    instead: RegistrySource | None = None,
    nomad_timeout: float = 10.0,
) -> AsyncIterator[Line]:
    """Open the line on a migrated database, in the world `around` it or one of its own; everything stops at the end.

    Where the registry is no matter, `instead` answers for it, without HTTP.
    A test that did not fail is audited: every rollout has ended, with one outcome and one notice.
    """
    bell = InProcessDoorbell()
    database = Database(database_url, timeout=PATIENCE)  # one that is slow to give a connection is not away
    with nullcontext(around) if around else world(nomad=nomad) as outside:
        endpoint = RegistryEndpoint(name="main", scheme="http", domain=outside.registry_url.partition("://")[2])
        registries = RegistryClient({"main": endpoint, **(more_registries or {})})
        deployer = NomadDeployer(NomadConnection(address=outside.nomad_url, timeout=nomad_timeout))
        vigil = Vigil(PostgresRollouts(database), deployer, bell)
        opened = Line(
            database=database,
            registry=outside.registry,
            registry_url=outside.registry_url,
            nomad=outside.nomad,
            doorbell=bell,
            looker=Looker(
                looks=PostgresLooks(database),
                registries=instead or registries,
                deployer=deployer,
                doorbell=bell,
                settings=look_settings or LookSettings(),
            ),
            operator=Operator(
                rules=PostgresRules(database),
                steering=PostgresSteering(database),
                registries=instead or registries,
                deployer=deployer,
                doorbell=bell,
            ),
            observer=Observer(
                rollouts=PostgresRollouts(database),
                deployer=deployer,
                doorbell=bell,
                vigil=vigil,
                patience=patience or Patience(grace=0.1),
            ),
        )
        bell.steps = {
            LOOK: lambda key: look(opened.looker, int(key)),
            OBSERVE: lambda key: observe(opened.observer, UUID(key)),
        }
        background = [
            asyncio.create_task(sweep_forever(PostgresSchedule(database), bell)),
            asyncio.create_task(vigil.run()),
        ]
        try:
            yield opened
            await opened.audit()
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await vigil.aclose()
            await bell.close()
            await registries.aclose()
            await deployer.aclose()
            await database.close()
