"""The messages of refused and failed calls to Nomad: each names the thing, the cause and the fix. Pure.

This module decides nothing. `job` is the job's name for people (`name_of`). Texts of Nomad are quoted up to a bound;
specifications and sources are never quoted. docs/refusals.md lists all messages.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

from app.adapters.nomad.text import bounded
from app.domain.watch import JobPlace

_POLICY = "config/nomad/registrywatcher.policy.hcl"
_DISABLED = "Job registration, dispatch, and scale are disabled"
_QUOTED_CHANGES = 5


class Doing(Enum):
    """What a call does, and the capabilities that allow it; one of them is enough."""

    READING = ("reading", "read-job")
    PLANNING = ("planning", "submit-job or plan-job")
    REGISTERING = ("registering", "submit-job or register-job")
    FOLLOWING = ("following", "read-job")
    READING_LOGS = ("reading the logs of", "read-logs")

    def __init__(self, action: str, capability: str) -> None:
        self.action = action
        self.capability = capability


def name_of(place: JobPlace) -> str:
    """The job's name for people, without the default namespace and region."""
    return str(replace(place, region="") if place.region == "global" else place)


def gone(job: str) -> str:
    """The job was there before, and is there no longer."""
    return f"job {job} is no longer in Nomad; register it again (nomad job run), or remove its watch"


def another_object(job: str, origin: str) -> str:
    """Nomad's answer is not the job that was asked for."""
    return (
        f"job {job}: Nomad at {origin} answers with another object; rename the job if its id ends like an endpoint of "
        "Nomad's API, or correct the proxy before Nomad"
    )


def moved(job: str, *, found: int, expected: int) -> str:
    """Somebody else registered the job between our read and our write."""
    indexes = f"index {found}, not {expected}"
    return f"job {job} was changed by somebody else first ({indexes}); the next check reads it again"


def conflict(job: str | None, text: str) -> str:
    """Nomad refused the registration by its check-and-set."""
    what = f"job {job}" if job else "the job"
    return f"{what} was changed by somebody else first ({bounded(text)}); the next check reads it again"


def moved_on(job: str, *, found: int) -> str:
    """The job has newer versions, and none of them carries our patch."""
    return f"job {job} is at index {found} by now, without our change; the next check reads it again"


def stopped(job: str) -> str:
    """The job is stopped, and registering it would not start it."""
    return f"job {job} is stopped; run it again in Nomad, and updates continue"


def child(job: str, parent: str) -> str:
    """A launch of a periodic or parameterized job: Nomad would make an ordinary job of it."""
    return f"job {job} was launched by {parent!r}; watch that one instead"


def multiregion(job: str) -> str:
    """Each region holds only its own part of a multiregion job."""
    return (
        f"job {job} is multiregion, and each region holds only a part of it; "
        "split it into one job per region and watch each with its region"
    )


def no_task(job: str, task: str) -> str:
    """The patch names a task that the job does not have."""
    return f"job {job} has no task {task}; correct nomad_task_name or nomad_group_name of the watch, or the job"


def drift(job: str, foreign: Sequence[str]) -> str:
    """The plan shows changes that the patch does not name."""
    more = f"; and {len(foreign) - _QUOTED_CHANGES} more" if len(foreign) > _QUOTED_CHANGES else ""
    shown = bounded("; ".join(foreign[:_QUOTED_CHANGES]), 800)
    return (
        f"job {job} was not registered, because more than the image would change ({shown}{more}); "
        "run the job once by hand (nomad job run), and updates continue"
    )


def unplanned(namespace: str) -> str:
    """The token may not plan; reported once for each namespace."""
    return (
        f"the token may not plan in namespace {namespace}, so no plan checks a registration beforehand; "
        f"give it plan-job, as {_POLICY} does (workload identities may plan since Nomad 2.0.4)"
    )


def source_stale(reason: str) -> str:
    """The image changed, but not the source that Nomad shows for editing."""
    return (
        f"the job's source in Nomad still names the old image: {reason}; "
        "run the job from its own files to renew it, and do not run the source that Nomad shows"
    )


def outcome_unknown(job: str, problem: str, why: str) -> str:
    """The answer to a registration was lost, and a new read of the job did not show whether it was applied."""
    return (
        f"job {job} may be registered or not: the answer was lost ({problem}), and reading it back did not tell{why}; "
        "the next check reads it again, and nothing is posted twice"
    )


def not_applied(job: str) -> str:
    """Nomad answered that a registration changed nothing, and the job is not as it was to be."""
    return (
        f"job {job} was not registered: Nomad answered that nothing changed, and the job does not have our images; "
        "look into the log of Nomad's servers; the next check reads it again"
    )


def management_token() -> str:
    """A warning at start: the token may do everything."""
    return (
        "NOMAD_TOKEN is a management token, which may do anything in the whole cluster; "
        f"give registrywatcher a client token with the policy {_POLICY}"
    )


def silent(origin: str, problem: str) -> str:
    """There was no usable answer; `problem` holds the cause and the fix."""
    return f"Nomad at {origin}: {problem}"


def denied(origin: str, text: str, *, doing: Doing, job: str | None, namespace: str) -> str:
    """Nomad answered 401 or 403: to which call, and which capability the token lacks."""
    if _DISABLED in text:
        return (
            f"Nomad at {origin} takes no registrations ({bounded(text)}); an operator switches them on again "
            "(nomad operator scheduler set-config -reject-job-registration=false)"
        )
    volumes = ", and the volume rules of that file for a job with volumes" if doing is Doing.REGISTERING else ""
    what = f"job {job}" if job else "its jobs"
    return (
        f"Nomad at {origin} denies {doing.action} {what} ({bounded(text) or 'Permission denied'}); give NOMAD_TOKEN "
        f"(or NOMAD_TOKEN_FILE) a token with {doing.capability} in namespace {namespace}, as in {_POLICY}{volumes}"
    )


def misshapen(origin: str, error: Exception) -> str:
    """A part of an answer is missing, or has another type than Nomad gives it."""
    found = bounded(f"{type(error).__name__}: {error}", 120)
    return (
        f"Nomad at {origin} gave an answer that is not in Nomad's form ({found}); "
        "correct the proxy before Nomad, or report it with the traceback in the log; it is asked again later"
    )


def silent_stream(origin: str, *, namespace: str) -> str:
    """Nomad answers, and its event stream sends nothing: so do newer servers for a token without rights."""
    return (
        f"Nomad at {origin} sends no events of jobs in namespace {namespace}, so changes are found by reading each job "
        "every job_reread_interval; give NOMAD_TOKEN (or NOMAD_TOKEN_FILE) a token with read-job there, as in "
        f"{_POLICY}, or let the proxy before Nomad pass /v1/event/stream on unbuffered"
    )


def refused_stream(origin: str, status: int, text: str, *, namespace: str) -> str:
    """Nomad answers, and refuses its event stream."""
    return (
        f"Nomad at {origin} refuses the events of namespace {namespace} ({status} {bounded(text) or 'no text'}), "
        "so changes are found by reading each job every job_reread_interval; give NOMAD_TOKEN (or NOMAD_TOKEN_FILE) a "
        f"token with read-job there, as in {_POLICY}, or let the proxy before Nomad pass /v1/event/stream on"
    )


def unavailable(origin: str, status: int, text: str, *, doing: Doing, job: str | None) -> str:
    """Nomad answers with an error of its own; nothing is wrong with the job."""
    what = f" to {doing.action} job {job}" if job else ""
    return f"Nomad at {origin} answers {status}{what}: {bounded(text) or 'no text'}; {_later(status, text)}"


def rejected(text: str, *, job: str | None, doing: Doing = Doing.REGISTERING) -> str:
    """Nomad refuses the posted job: its text, and the fix for it."""
    what = f"job {job}" if job else "the job"
    return f"Nomad refuses {doing.action} {what}: {_sentence(text) or 'no text'}; {_fix(text)}"


_JUDGEMENTS = (
    ("nonexistent namespace", "create the namespace (nomad namespace apply), or correct nomad_namespace"),
    ("nonexistent node pool", "create the node pool (nomad node pool apply), or correct the job's node_pool"),
    ("error in job mutator", "correct the part of the job that Nomad's mutator cannot handle"),
    ("not enabled but used", "enable it in the configuration of Nomad's servers, or take the block out of the job"),
    ("unlicensed", "take the Enterprise feature out of the job, or give Nomad a licence"),
    ("quota", "raise the quota of the namespace, or let the job ask for less"),
    ("Sentinel", "change the job so that the Sentinel policy passes, or the policy"),
    ("cannot update", "stop and purge the job and run it anew, or run it under another name"),
    ("does not match", "correct nomad_job_name"),
)


def _fix(text: str) -> str:
    for known, fix in _JUDGEMENTS:
        if known.lower() in text.lower():
            return fix
    return "correct the job and run it once by hand (nomad job run)"


def _later(status: int, text: str) -> str:
    if "No path to region" in text:
        return "correct nomad_region, or check that the region's servers are up (nomad server members)"
    if status == 429:
        return "it is asked again later; raise http_max_conns_per_client if others share this address"
    if status == 404:
        return "another server or a proxy listens there; correct NOMAD_ADDR"
    if 300 <= status < 400:
        return "set NOMAD_ADDR to the address that it redirects to"
    if "leader" in text or "consistent reads" in text:
        return "its servers elect a leader; it is asked again later"
    return "it is asked again later; the log of the agent says more"


def _sentence(text: str) -> str:
    """Nomad's nested lists of errors as one sentence: `2 errors occurred: * a * b` -> `a, b`."""
    line = re.sub(r"\d+ errors? occurred: (\* )?", "", bounded(text, 600))
    return re.sub(r" ?\* ", ", ", line)
