"""One pass of a reconcile over fakes: a job that runs v1.0.0, and a registry that has v1.1.0 too."""

from dataclasses import dataclass, field, replace
from typing import Any

from app.domain.history import History
from app.domain.job import JobPatch, JobState, Preview, Submission
from app.domain.reference import Repository
from app.domain.watch import JobPlace
from app.refusals.samples import D1, D2, RECONCILE_SETTINGS, claim, job, state
from app.services.reconcile.claim import Claim
from app.services.reconcile.fleet import Fleet
from app.services.reconcile.reconcile import reconcile
from app.services.reconcile.reconciler import Reconciler, ReconcileSettings
from tests.fakes.deployer import UnusedDeployer
from tests.fakes.registry import MemoryRegistry
from tests.fakes.targets import MemoryTargets
from tests.fakes.waker import InProcessWaker

SUBMISSION = Submission(index=9, evaluation_id="e")
LIMITED = Fleet(max_rollouts=1, stop_after_failure=False, own_job=None)
SETTINGS = replace(RECONCILE_SETTINGS, stall_after=900.0, reread_job=300.0)
OTHER = state(
    watch=replace(
        state().watch, name="other", task="worker", repository=Repository.of("registry.example:5000", "team/b")
    ),
    history=History(digests={"registry.example:5000/team/b:v1.0.0": D1}),
)


@dataclass
class ScriptedDeployer(UnusedDeployer):
    """Answers with what the test gave, an exception is raised; `asked` are the calls. `recovered` are the answers to
    `recover`, the last one for ever."""

    job: JobState | BaseException | None = field(default_factory=job)
    submission: Submission | Exception = SUBMISSION
    recovered: list[Submission | Exception | None] = field(default_factory=lambda: [None])
    plan: Preview = field(default_factory=Preview)
    asked: list[str] = field(default_factory=list)

    async def inspect(self, place: JobPlace) -> JobState | None:
        self._note("inspect", self.job)
        assert not isinstance(self.job, BaseException)
        return self.job

    async def preview(self, place: JobPlace, patch: JobPatch) -> Preview:
        self._note("preview", self.plan)
        return self.plan

    async def submit(self, place: JobPlace, patch: JobPatch) -> Submission:
        self._note("submit", self.submission)
        assert isinstance(self.submission, Submission)
        return self.submission

    async def recover(self, place: JobPlace, patch: JobPatch) -> Submission | None:
        answer = self.recovered.pop(0) if len(self.recovered) > 1 else self.recovered[0]
        self._note("recover", answer)
        assert not isinstance(answer, Exception)
        return answer

    def _note(self, name: str, answer: object) -> None:
        self.asked.append(name)
        if isinstance(answer, BaseException):
            raise answer


@dataclass
class Pass:
    """The parts of one pass; `run` returns whether the target was reconciled."""

    targets: MemoryTargets
    deployer: ScriptedDeployer
    registry: MemoryRegistry
    waker: InProcessWaker = field(default_factory=InProcessWaker)
    settings: ReconcileSettings = SETTINGS

    async def run(self) -> bool:
        reconciler = Reconciler(
            targets=self.targets,
            registries=self.registry,
            deployer=self.deployer,
            waker=self.waker,
            settings=self.settings,
        )
        return await reconcile(reconciler, 1)


def a_pass(claimed: Claim | None = None, *, fleet: Fleet | None = None, **deployer: Any) -> Pass:
    """A pass over the target of `claimed`, else over one that is due for a look at its job."""
    return Pass(
        targets=MemoryTargets(claimed=claimed or claim()),
        deployer=ScriptedDeployer(**deployer),
        registry=MemoryRegistry(images={"team/app": {"v1.0.0": D1, "v1.1.0": D2}}),
        settings=replace(SETTINGS, fleet=fleet) if fleet else SETTINGS,
    )


def unchanged(claimed: Claim | None = None, **fields: Any) -> Pass:
    """The same, with a registry that has what it had before."""
    found = a_pass(claimed, **fields)
    found.registry.images["team/app"] = {"v1.0.0": D1}
    return found
