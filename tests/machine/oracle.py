"""What a job must run, computed from the ledgers and from what people did; it uses no rule of the program."""

import re
from dataclasses import dataclass

from tests.machine.ledger import Image, Ledger

_RELEASE = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The tag that the rule chooses, and the digest that the registry has for it."""

    tag: str
    digest: str


def version(tag: str) -> tuple[int, ...] | None:
    """The numbers of a release, None for a tag that is none."""
    found = _RELEASE.fullmatch(tag)
    return tuple(map(int, found.groups())) if found else None


def desired(tags: dict[str, str], pinned: str) -> Desired | None:
    """What a watch desires: its pinned tag, or without one the highest release."""
    if pinned:
        return Desired(tag=pinned, digest=tags[pinned]) if pinned in tags else None
    releases = [(found, tag) for tag in tags if (found := version(tag)) is not None]
    if not releases:
        return None
    tag = max(releases)[1]
    return Desired(tag=tag, digest=tags[tag])


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A job as it stands: what Nomad specifies, what the rule desires, and since when the registry shows that."""

    job: str
    specified: Image
    desired: Desired | None
    desired_since: int
    pinned: str


def fault(ledger: Ledger, now: Situation, hold: str) -> str:
    """Why this decision is wrong in the end, "" if it is right."""
    if now.desired is None:
        return "" if hold == "no_matching_tag" else f"{now.job}: {hold}, though no tag matches"
    if now.desired.digest == now.specified.digest:
        # A digest that does not run may be held, or be tried again, although the job specifies it.
        fails = now.desired.digest in ledger.failing
        right = hold in ("failed_before", "stalled") or has_cause(ledger, now, hold) if fails else hold == "up_to_date"
        return "" if right else f"{now.job}: {hold}, though the job specifies {now.desired}"
    cause = has_cause(ledger, now, hold)
    return "" if cause else f"{now.job} specifies {now.specified}, the rule desires {now.desired}, and it is {hold!r}"


def has_cause(ledger: Ledger, now: Situation, hold: str) -> bool:
    """Whether a ledger shows what this hold says."""
    assert now.desired is not None
    match hold:
        case "failed_before":
            return now.desired.digest in ledger.failing and any(
                each.image.digest == now.desired.digest for each in ledger.of(now.job)
            )
        case "auto_deploy_off":
            return not ledger.on[now.job]
        case "paused":
            return ledger.paused
        case "drifted":
            return ledger.changed_outside(now.job) > ledger.last_registered(now.job)
        case "rolled_back":
            return ledger.last_command(now.job, rollback=True) > now.desired_since
        case "downgrade":
            return not now.pinned and (version(now.desired.tag) or ()) < (version(now.specified.tag) or ())
        case "not_a_release":
            return not now.pinned and version(now.specified.tag) is None
    return False


def was_caused(ledger: Ledger, job: str, hold: str, digest: str) -> bool:
    """Whether a ledger ever showed the cause of a stored hold, which may be older than the newest change."""
    match hold:
        case "failed_before":
            return digest in ledger.failing and any(each.image.digest == digest for each in ledger.of(job))
        case "drifted":
            return ledger.changed_outside(job) >= 0
        case "rolled_back":
            return ledger.last_command(job, rollback=True) >= 0
    return True
