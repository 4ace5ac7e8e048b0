"""One simulated Nomad server without HTTP: the interface for tests and for the endpoints.

Every method first runs the events that are due, so a caller gets the present state. It is safe to use from another
thread than the server's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from app.simulators.nomad import garbage, operations, registration, scheduler
from app.simulators.nomad.acl import Acl, AclToken
from app.simulators.nomad.call import NomadCall
from app.simulators.nomad.evaluation_faults import EvaluationFault
from app.simulators.nomad.faults import NomadFaults
from app.simulators.nomad.ledger import Ledger
from app.simulators.nomad.refusal import Json, Refused
from app.simulators.nomad.registration import SEED, JobRegistration
from app.simulators.nomad.release import SimulatedVersion
from app.simulators.nomad.tables import JobRecord
from app.simulators.nomad.timing import Fate, Timing, Verdict
from app.simulators.nomad.world import World, new_id

ACCESSOR = "0f3ad8d5-1a53-4cf1-8f31-6c1a1a0e9a11"
SCHEDULER: Json = {
    "CreateIndex": 5, "MemoryOversubscriptionEnabled": False, "ModifyIndex": 5, "NodeLimitForFeasibilityChecks": 0,
    "PauseEvalBroker": False,
    "PreemptionConfig": {"BatchSchedulerEnabled": False, "ServiceSchedulerEnabled": False,
                         "SysBatchSchedulerEnabled": False, "SystemSchedulerEnabled": True},
    "RejectJobRegistration": False, "SchedulerAlgorithm": "binpack",
}  # fmt: skip
ReadHcl = Callable[[str, str], Json]


class Simulator:
    """One Nomad server and its clients: jobs in, deployments and allocations out, each registration in `ledger`.

    token: the secret id of a management token (None: ACLs are off until a token is added). version: the simulated
    Nomad. nodes: client nodes. parse: a parser of HCL, from (source, variables) to the job as a client posts it; raises
    ValueError. clock: Unix seconds.
    """

    def __init__(
        self,
        *,
        timing: Timing | None = None,
        token: str | None = None,
        region: str = "global",
        version: str = "2.0.6",
        nodes: int = 1,
        parse: ReadHcl | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.release = SimulatedVersion.of(version)
        self.world = World(timing=timing or Timing(), clock=clock, release=self.release, nodes=nodes)
        self.world.process = lambda evaluation: scheduler.process(self.world, evaluation)
        self.ledger = Ledger()
        self.faults = NomadFaults()
        self.acl = Acl()
        self.scheduler = SCHEDULER
        self.region = region
        self.parse = parse
        self.heartbeat = 30.0
        """Seconds between two heartbeats of an event stream."""
        self._lock = threading.RLock()
        if token is not None:
            self.acl.add(AclToken(secret=token, accessor=ACCESSOR, name="Bootstrap Token", management=True))

    def add_token(
        self, secret: str, capabilities: Mapping[str, Sequence[str]], *, seconds: float | None = None
    ) -> AclToken:
        """A client token with capabilities by namespace (`*` in a name is a glob), valid for ever or for `seconds`."""
        with self.at_work() as world:
            accessor = new_id()
            self.acl.policies[accessor] = {name: frozenset(granted) for name, granted in capabilities.items()}
            expires = world.now + seconds if seconds is not None else None
            token = AclToken(
                secret=secret, accessor=accessor, name=secret, policies=(accessor,), expires=expires,
                created=world.now, index=world.commit(),
            )  # fmt: skip
            return self.acl.add(token)

    def revoke_token(self, secret: str) -> None:
        """Make the secret unknown from now on. ACLs stay on."""
        with self.at_work():
            del self.acl.tokens[secret]

    def reject_registrations(self, *, rejected: bool = True) -> None:
        """The operator's `reject_job_registration`: only management tokens may register, dispatch and scale."""
        self.scheduler = {**self.scheduler, "RejectJobRegistration": rejected}

    def who(self, call: NomadCall) -> AclToken:
        """The token of a request. Refused 403 for an invalid one."""
        return self.acl.resolve(call.token, self.world.now)

    def permits(self, call: NomadCall, *capabilities: str, namespace: str = "") -> bool:
        """Whether the token has any of them in `namespace`, or in the requested one. Refused for an invalid token."""
        return self.acl.allows(self.who(call), namespace or call.namespace, capabilities)

    def require(self, call: NomadCall, *capabilities: str, namespace: str = "") -> None:
        """Raise Refused 403 unless `permits`."""
        if not self.permits(call, *capabilities, namespace=namespace):
            raise Refused(403, "Permission denied")

    def require_any(self, call: NomadCall, namespace: str) -> None:
        """Raise Refused 403 unless the token may do anything at all in the namespace."""
        if not self.acl.allows_any(self.who(call), namespace):
            raise Refused(403, "Permission denied")

    def visible(self, call: NomadCall, capability: str) -> Callable[[str], bool]:
        """A test for the namespaces that a list shows: the requested one, or for `*` all that the token may read."""
        requested, token = call.namespace, self.who(call)
        if requested != "*":
            return lambda namespace: namespace == requested
        return lambda namespace: self.acl.allows(token, namespace, (capability,))

    @contextmanager
    def at_work(self) -> Iterator[World]:
        """The present world, to read or change, by one thread at a time. Due events run before and after."""
        with self._lock:
            self.world.timeline.settle()
            try:
                yield self.world
            finally:
                self.world.timeline.settle()

    def register(self, request: JobRegistration) -> Json:
        """As POST /v1/jobs. Returns the reply, raises Refused."""
        with self.at_work() as world:
            return registration.register(world, self.ledger, request)

    def seed(self, job: Json) -> Json:
        """Register a job that exists before a test begins. Creates its namespace; the ledger's origin is `seed`.

        It accepts fields that no client can post: Multiregion, ParentID, Dispatched, Stable.
        """
        namespace = job.get("Namespace") or "default"
        with self.at_work() as world:
            world.namespaces.add(namespace)
            request = JobRegistration(
                job=job, namespace=namespace, region=self.region, origin=SEED,
                accessor=ACCESSOR if self.acl.enabled else "",
            )  # fmt: skip
            return registration.register(world, self.ledger, request)

    def job(self, job_id: str, namespace: str = "default") -> Json:
        """The job as GET /v1/job/:id shows it. Refused 404 if there is none."""
        with self.at_work():
            return self.record(job_id, namespace).current

    def record(self, job_id: str, namespace: str = "default") -> JobRecord:
        found = self.world.jobs.get((namespace, job_id))
        if found is None:
            raise Refused(404, "job not found", index=self.world.touched["jobs"])
        return found

    def scale(self, job_id: str, *, count: int, group: str | None = None, namespace: str = "default") -> Json:
        """Change a group's count, as somebody else."""
        with self.at_work() as world:
            return operations.scale(world, self.ledger, self.record(job_id, namespace), group=group, count=count)

    def set_image(self, job_id: str, *, task: str, image: str, group: str, namespace: str = "default") -> Json:
        """Change one task's image, as somebody else."""
        with self.at_work() as world:
            return operations.set_image(
                world, self.ledger, self.record(job_id, namespace), place=(group, task), image=image
            )

    def change_by_another(self, job_id: str, namespace: str = "default") -> Json:
        """Register the job with another Meta, as somebody else. It gets a new version and a new JobModifyIndex."""
        with self.at_work() as world:
            return operations.change_meta(world, self.ledger, self.record(job_id, namespace))

    def collect_garbage(self) -> None:
        """`nomad system gc`: delete terminal rows, except those of allocations that still run."""
        with self.at_work() as world:
            garbage.collect(world)

    def forget(self, *, deployment: str = "", evaluation: str = "") -> None:
        """Delete one deployment or evaluation, even if a client follows it."""
        with self.at_work() as world:
            garbage.forget_deployment(world, deployment)
            garbage.forget_evaluation(world, evaluation)

    def fail_evaluation(self, job_id: str, fault: EvaluationFault) -> None:
        """End the job's next evaluation by this fault. Another evaluation does its work."""
        with self.at_work() as world:
            world.evaluation_faults.append((job_id, fault))

    def publish(self, image: str, digest: str) -> None:
        """Set the digest that a pull of this reference gives from now on."""
        with self.at_work() as world:
            world.images.publish(image, digest)

    def running(self, job_id: str, namespace: str = "default") -> dict[str, dict[str, str]]:
        """{allocation: {task: digest}} of the job's running allocations."""
        with self.at_work():
            rows = self.record(job_id, namespace).allocations.values()
            return {row.id: dict(row.digests) for row in rows if row.client_status == "running"}

    def stop(self, job_id: str, *, purge: bool = False, namespace: str = "default") -> Json:
        with self.at_work() as world:
            record = self.record(job_id, namespace)
            return operations.purge(world, record) if purge else operations.stop(world, record)

    def set_timing(self, timing: Timing) -> None:
        """Set the times of later steps. Steps under way keep theirs."""
        with self.at_work() as world:
            world.timing = timing

    def judge(self, image: str, fate: Fate, text: str = "") -> None:
        """Set what becomes of images whose reference or digest contains `image`. It precedes earlier verdicts."""
        with self.at_work() as world:
            world.verdicts.insert(0, Verdict(image=image, fate=fate, text=text))

    def pardon(self, image: str | None = None) -> None:
        """Remove the verdicts on `image`, or all. Blocked evaluations are processed again."""
        with self.at_work() as world:
            world.verdicts = [v for v in world.verdicts if image is not None and v.image != image]
            scheduler.retry_blocked(world)

    def set_eligible(self, number: int, *, eligible: bool) -> None:
        """Make a node take new allocations, or not. Its allocations stay. Blocked evaluations are processed again."""
        with self.at_work() as world:
            world.ineligible = world.ineligible - {number} if eligible else world.ineligible | {number}
            scheduler.retry_blocked(world)

    def imply(self, constraint: Json) -> None:
        """Add a constraint to every group at each registration from now on, as a newer Nomad does."""
        with self.at_work() as world:
            world.implied.append(constraint)

    def skip(self, seconds: float) -> None:
        """Move the simulated clock forward."""
        with self.at_work() as world:
            world.timeline.skip(seconds)
            world.wake()
