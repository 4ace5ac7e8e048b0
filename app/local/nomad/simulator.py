"""Answers: what is one simulated Nomad server, without HTTP? The door for tests and for the routes.

Every method first lets happen what is due; the caller sees the cluster as of now. Safe to use from another thread
than the server's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.local.nomad import operations, registration, scheduler
from app.local.nomad.faults import Faults
from app.local.nomad.ledger import Ledger
from app.local.nomad.refusal import Json, Refused
from app.local.nomad.registration import SEED, Registration
from app.local.nomad.tables import JobRecord
from app.local.nomad.timing import Fate, Timing, Verdict
from app.local.nomad.world import World

ACCESSOR = "0f3ad8d5-1a53-4cf1-8f31-6c1a1a0e9a11"


class Simulator:
    """One Nomad server and client: jobs in, deployments and allocations out, everything registered written to `ledger`.

    token: the one secret id that is accepted (None: ACLs are off). clock: Unix seconds.
    """

    def __init__(
        self,
        *,
        timing: Timing | None = None,
        token: str | None = None,
        region: str = "global",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.world = World(timing=timing or Timing(), clock=clock)
        self.world.process = lambda evaluation: scheduler.process(self.world, evaluation)
        self.ledger = Ledger()
        self.faults = Faults()
        self.token = token
        self.region = region
        self._lock = threading.RLock()

    @property
    def accessor(self) -> str:
        """The NomadTokenID that a registration leaves in the job."""
        return ACCESSOR if self.token is not None else ""

    @contextmanager
    def at_work(self) -> Iterator[World]:
        """The world as of now, to read or change by one thread at a time; what a change makes due happens before
        it is let go.
        """
        with self._lock:
            self.world.timeline.settle()
            try:
                yield self.world
            finally:
                self.world.timeline.settle()

    def register(self, request: Registration) -> Json:
        """As POST /v1/jobs; gives the reply, raises Refused."""
        with self.at_work() as world:
            return registration.register(world, self.ledger, request)

    def seed(self, job: Json) -> Json:
        """Put a job there before the story begins: its namespace is made, the ledger's entry says `seed`.

        What no client can post is taken here: Multiregion, ParentID, Dispatched.
        """
        namespace = job.get("Namespace") or "default"
        with self.at_work() as world:
            world.namespaces.add(namespace)
            request = Registration(
                job=job, namespace=namespace, region=self.region, accessor=self.accessor, origin=SEED
            )
            return registration.register(world, self.ledger, request)

    def job(self, job_id: str, namespace: str = "default") -> Json:
        """The job as GET /v1/job/:id shows it; Refused 404 when there is none."""
        with self.at_work():
            return self.record(job_id, namespace).current

    def record(self, job_id: str, namespace: str = "default") -> JobRecord:
        found = self.world.jobs.get((namespace, job_id))
        if found is None:
            raise Refused(404, "job not found", index=self.world.touched["jobs"])
        return found

    def scale(self, job_id: str, *, count: int, group: str | None = None, namespace: str = "default") -> Json:
        """A foreign change of a group's count."""
        with self.at_work() as world:
            return operations.scale(world, self.ledger, self.record(job_id, namespace), group=group, count=count)

    def set_image(self, job_id: str, *, task: str, image: str, group: str, namespace: str = "default") -> Json:
        """A person's hand change of one task's image."""
        with self.at_work() as world:
            return operations.set_image(
                world, self.ledger, self.record(job_id, namespace), place=(group, task), image=image
            )

    def stop(self, job_id: str, *, purge: bool = False, namespace: str = "default") -> Json:
        with self.at_work() as world:
            record = self.record(job_id, namespace)
            return operations.purge(world, record) if purge else operations.stop(world, record)

    def set_timing(self, timing: Timing) -> None:
        """From now on; what is under way keeps the times it started with."""
        with self.at_work() as world:
            world.timing = timing

    def judge(self, image: str, fate: Fate, text: str = "") -> None:
        """Decide how an image whose string contains `image` ends, before any earlier verdict."""
        with self.at_work() as world:
            world.verdicts.insert(0, Verdict(image=image, fate=fate, text=text))

    def pardon(self, image: str | None = None) -> None:
        """Take back the verdicts on `image`, or all; waiting placements are tried again."""
        with self.at_work() as world:
            world.verdicts = [v for v in world.verdicts if image is not None and v.image != image]
            scheduler.retry_blocked(world)

    def skip(self, seconds: float) -> None:
        """Let time pass in the simulated cluster."""
        with self.at_work() as world:
            world.timeline.skip(seconds)
            world.commit()
