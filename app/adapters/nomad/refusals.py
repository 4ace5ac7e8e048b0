"""Every sentence that refuses something of Nomad's: it names the thing and the mend. Pure; it must not decide anything.

`job` is the job for people (`name_of`). What Nomad says is quoted bounded; specifications and sources never are.
docs/refusals.md lists them all.
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
    """What a call is for, and the capabilities of which one lets a token do it."""

    READING = ("reading", "read-job")
    PLANNING = ("planning", "submit-job or plan-job")
    REGISTERING = ("registering", "submit-job or register-job")
    READING_LOGS = ("reading the logs of", "read-logs")

    def __init__(self, words: str, capability: str) -> None:
        self.words = words
        self.capability = capability


def name_of(place: JobPlace) -> str:
    """The job for people: a default region, like a default namespace, is not worth a word."""
    return str(replace(place, region="") if place.region == "global" else place)


def gone(job: str) -> str:
    """The job was there, and is no longer."""
    return f"job {job} is no longer in Nomad; register it again (nomad job run), or take its watch away"


def moved(job: str, *, found: int, expected: int) -> str:
    """Somebody registered between our read and our write."""
    return f"somebody else changed job {job} first (its index is {found}, not {expected}); the next look reads it anew"


def conflict(job: str | None, text: str) -> str:
    """Check-and-set failed in Nomad itself."""
    what = f"job {job}" if job else "the job"
    return f"somebody else changed {what} first ({bounded(text)}); the next look reads it anew"


def moved_on(job: str, *, found: int) -> str:
    """The job went on, and no version of it is what we ordered."""
    return f"job {job} moved on to index {found} without what we ordered; the next look reads it anew"


def stopped(job: str) -> str:
    """The job is stopped, and registering it would not start it."""
    return f"job {job} is stopped; run it again in Nomad and it is followed from then on"


def child(job: str, parent: str) -> str:
    """A launch of a periodic or parameterized job: Nomad would make an ordinary job of it."""
    return f"job {job} was launched by {parent!r}; watch that one instead"


def multiregion(job: str) -> str:
    """Each region holds only its own part of a multiregion job."""
    return (
        f"job {job} is multiregion, and each region holds only its own part of it; "
        "split it into one job per region and watch each with its region"
    )


def no_task(job: str, task: str) -> str:
    """The order names a task that the job does not have."""
    return f"job {job} has no task {task}; correct nomad_task_name or nomad_group_name of the watch, or the job"


def drift(job: str, foreign: Sequence[str]) -> str:
    """The plan shows changes that were not ordered."""
    more = f"; and {len(foreign) - _QUOTED_CHANGES} more" if len(foreign) > _QUOTED_CHANGES else ""
    shown = bounded("; ".join(foreign[:_QUOTED_CHANGES]), 800)
    return (
        f"registering job {job} would change more than the image ({shown}{more}), so nothing was registered; "
        "run the job once by hand (nomad job run), and it is followed from then on"
    )


def unplanned(namespace: str) -> str:
    """The token may not plan: said once for each namespace."""
    return (
        f"the token may not plan in namespace {namespace}, so nothing checks a registration beforehand; "
        f"give it plan-job, as {_POLICY} does (workload identities plan since Nomad 2.0.4)"
    )


def source_stale(reason: str) -> str:
    """The image changed, and the source that Nomad shows for editing did not."""
    return (
        f"the job's source in Nomad still names the old image: {reason}; "
        "run the job from its own files to renew it, and do not run what Nomad shows"
    )


def outcome_unknown(job: str, problem: str, why: str) -> str:
    """A write whose answer was lost, and that reading back could not settle."""
    return (
        f"the answer to registering job {job} was lost ({problem}), and reading back did not settle it{why}; "
        "the next look reads it again, and nothing is posted twice"
    )


def management_token() -> str:
    """At start: the token may do everything."""
    return (
        "NOMAD_TOKEN is a management token, which may do anything to the whole cluster; "
        f"give registrywatcher a client token with the policy {_POLICY}"
    )


def silent(origin: str, problem: str) -> str:
    """There was no usable answer; the problem holds its mend."""
    return f"Nomad at {origin}: {problem}"


def denied(origin: str, text: str, *, doing: Doing, job: str | None, namespace: str) -> str:
    """401 or 403: on which call, and what the token lacks."""
    if _DISABLED in text:
        return (
            f"Nomad at {origin} takes no registrations ({bounded(text)}); an operator switches them on again "
            "(nomad operator scheduler set-config -reject-job-registration=false)"
        )
    volumes = ", and the volume rules of that file for a job with volumes" if doing is Doing.REGISTERING else ""
    what = f"job {job}" if job else "its jobs"
    return (
        f"Nomad at {origin} denies {doing.words} {what} ({bounded(text) or 'Permission denied'}); give NOMAD_TOKEN "
        f"(or NOMAD_TOKEN_FILE) a token with {doing.capability} in namespace {namespace}, as in {_POLICY}{volumes}"
    )


def unavailable(origin: str, status: int, text: str, *, doing: Doing, job: str | None) -> str:
    """Nomad answers, but not now: nothing is wrong with the job."""
    what = f" to {doing.words} job {job}" if job else ""
    return f"Nomad at {origin} answers {status}{what}: {bounded(text) or 'no text'}; {_later(status, text)}"


def rejected(text: str, *, job: str | None, doing: Doing = Doing.REGISTERING) -> str:
    """Nomad judged what was posted: its words, and what mends them."""
    what = f"job {job}" if job else "the job"
    return f"Nomad refuses {doing.words} {what}: {_sentence(text) or 'no text'}; {_mend(text)}"


_JUDGEMENTS = (
    ("nonexistent namespace", "create the namespace (nomad namespace apply), or correct nomad_namespace"),
    ("nonexistent node pool", "create the node pool (nomad node pool apply), or correct the job's node_pool"),
    ("error in job mutator", "correct in the job what Nomad's own rewriting of it stumbles over"),
    ("not enabled but used", "enable it in the configuration of Nomad's servers, or take the block out of the job"),
    ("unlicensed", "take the Enterprise feature out of the job, or give Nomad a licence"),
    ("quota", "raise the quota of the namespace, or let the job ask for less"),
    ("Sentinel", "change the job so that the Sentinel policy passes, or the policy"),
    ("cannot update", "stop and purge the job and run it anew, or run it under another name"),
    ("does not match", "correct nomad_job_name"),
)


def _mend(text: str) -> str:
    for known, mend in _JUDGEMENTS:
        if known.lower() in text.lower():
            return mend
    return "correct the job and run it once by hand (nomad job run)"


def _later(status: int, text: str) -> str:
    if "No path to region" in text:
        return "correct nomad_region, or look whether that region's servers are up (nomad server members)"
    if status == 429:
        return "it is asked again later; raise http_max_conns_per_client if others share this address"
    if status == 404:
        return "there is something else at this address, or a proxy in between; correct NOMAD_ADDR"
    if 300 <= status < 400:
        return "write the address that it redirects to in NOMAD_ADDR"
    if "leader" in text or "consistent reads" in text:
        return "its servers elect a leader; it is asked again later"
    return "it is asked again later; the log of the agent says more"


def _sentence(text: str) -> str:
    """Nomad's lists of errors, one inside the other, as one sentence: `2 errors occurred: * a * b` -> `a, b`."""
    line = re.sub(r"\d+ errors? occurred: (\* )?", "", bounded(text, 600))
    return re.sub(r" ?\* ", ", ", line)
