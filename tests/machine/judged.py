"""What must hold after every step, and the situation of each watch as the oracle takes it."""

from tests.machine.invariants import faults
from tests.machine.ledger import Image
from tests.machine.oracle import Situation, desired, was_caused
from tests.machine.stage import JOBS, Stage, repository


async def wrong_now(stage: Stage, *, since: int) -> list[str]:
    """What is wrong with the registrations since that tick, and with what is stored now."""
    found = list(faults(stage.ledger, stage.registry, since=since))
    for row in await stage.rows.watches():
        job, hold = row["name"], row["hold"]
        if not was_caused(stage.ledger, job, hold, row["digest"] or ""):
            found.append(f"{job} is held without a cause in the ledgers: {hold} ({row['message']})")
        if row["outage_is_ours"]:
            found.append(f"{job}: an error that nobody foresaw: {row['outage']}")
        for image in row["expected"].values():
            if not stage.ledger.had(job, Image.of(image).digest):
                found.append(f"{job}: {image} counts as deployed, and Nomad never had it")
    if await stage.rows.most_open_rollouts() > 1:
        found.append("a job has two rollouts that have not ended")
    return found


async def situations(stage: Stage) -> list[tuple[Situation, str]]:
    """Each job as it stands, with its current hold."""
    holds = {row["name"]: row["hold"] for row in await stage.rows.watches()}
    return [(_situation(stage, job), holds[job]) for job in JOBS]


def _situation(stage: Stage, job: str) -> Situation:
    pinned = stage.ledger.pinned.get(job, "")
    chosen = desired(stage.registry.images[repository(job)], pinned)
    since = stage.registry.first_shown(repository(job), chosen.digest) if chosen else 0
    return Situation(
        job=job,
        specified=Image.of(stage.nomad.image(job)),
        desired=chosen,
        desired_since=since,
        pinned=pinned,
    )
