"""The error that a failed call to Nomad raises, and whether a write may have been applied all the same.

Pure. Texts are matched by substring: Nomad puts `rpc error: ` before what crossed servers, sometimes several times.
"""

from app.adapters.nomad import refusals
from app.adapters.nomad.http.problem import Problem, Refusal, Silence
from app.adapters.nomad.refusals import Doing
from app.domain.watch import JobPlace
from app.errors import JobChanged, JobRejected, NomadDenied, NomadUnavailable, RegistryWatcherError

_CONFLICT = "Enforcing job modify index"

# A 500 with one of these texts refuses the specification (docs/nomad.md, section 2).
_REJECTIONS = (
    "error occurred:",
    "errors occurred:",
    "error in job mutator",
    "cannot update",
    "nonexistent namespace",
    "nonexistent node pool",
    "unlicensed",
    "not enabled but used",
    "quota",
    "Sentinel",
)
# A 500 with one of these texts means that Nomad did not begin.
_NOT_NOW = ("No cluster leader", "Not ready to serve consistent reads", "No path to region", "node is not the leader")
_GATEWAY = frozenset({408, 502, 503, 504})


def while_reading(
    problem: Problem, origin: str, *, doing: Doing = Doing.READING, place: JobPlace | None = None
) -> RegistryWatcherError:
    """The error for a failed read, or for any other call that changes nothing."""
    if isinstance(problem, Silence):
        return NomadUnavailable(refusals.silent(origin, str(problem)))
    job = refusals.name_of(place) if place and place.job_id else None
    if problem.status in (401, 403):
        namespace = (place.namespace if place else "") or "default"
        return NomadDenied(refusals.denied(origin, problem.text, doing=doing, job=job, namespace=namespace))
    message = refusals.unavailable(origin, problem.status, problem.text, doing=doing, job=job)
    return NomadUnavailable(message, retry_after=problem.retry_after)


def while_planning(problem: Problem, origin: str, place: JobPlace) -> RegistryWatcherError:
    """The error for a failed plan. A plan writes nothing, so its outcome is never unknown."""
    if isinstance(problem, Refusal) and _rejects(problem):
        return JobRejected(refusals.rejected(problem.text, job=refusals.name_of(place), doing=Doing.PLANNING))
    return while_reading(problem, origin, doing=Doing.PLANNING, place=place)


def while_writing(problem: Problem, origin: str, place: JobPlace | None = None) -> RegistryWatcherError | None:
    """The error for a registration that was certainly not applied; None if only a new read of the job can show it."""
    if may_be_applied(problem):
        return None
    job = refusals.name_of(place) if place else None
    if isinstance(problem, Refusal):
        if _CONFLICT in problem.text:
            return JobChanged(refusals.conflict(job, problem.text))
        if _rejects(problem):
            return JobRejected(refusals.rejected(problem.text, job=job, doing=Doing.REGISTERING))
    return while_reading(problem, origin, doing=Doing.REGISTERING, place=place)


def may_be_applied(problem: Problem) -> bool:
    """True if a write that failed like this may have been applied: no answer, a gateway's error, or an unclear 500."""
    if isinstance(problem, Silence):
        return problem.sent
    if problem.status in _GATEWAY:
        return True
    return problem.status >= 500 and not (_CONFLICT in problem.text or _rejects(problem) or is_not_now(problem))


def is_not_now(problem: Problem) -> bool:
    """True if Nomad could not even begin (no leader, unknown region)."""
    return isinstance(problem, Refusal) and any(text in problem.text for text in _NOT_NOW)


def _rejects(refusal: Refusal) -> bool:
    if refusal.status == 500:
        return any(text in refusal.text for text in _REJECTIONS)
    return 400 <= refusal.status < 500 and refusal.status not in (401, 403, 404, 429)
