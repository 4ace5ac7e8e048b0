"""The results of the checks of an allocation's services, by the verdict on its image. Pure.

Only checks of Nomad's own services, as on a client. (docs/nomad.md, section 10)
"""

from __future__ import annotations

import hashlib

from app.simulators.nomad.refusal import Json
from app.simulators.nomad.release import SimulatedVersion
from app.simulators.nomad.tables import Allocation
from app.simulators.nomad.timing import Fate
from app.simulators.nomad.world import World, images_of

REFUSED = "dial tcp 127.0.0.1:20000: connect: connection refused"


def checks(world: World, allocation: Allocation, release: SimulatedVersion) -> Json:
    """The checks by id; empty until the tasks run."""
    if allocation.client_status != "running":
        return {}
    images = [*images_of(allocation.job, allocation.group).values(), *allocation.digests.values()]
    fails = world.fated(images, Fate.CHECK_FAILS) is not None
    group = next(g for g in allocation.job["TaskGroups"] if g["Name"] == allocation.group)
    found = {}
    for task, service in [(None, s) for s in group["Services"] or ()] + [
        (t["Name"], s) for t in group["Tasks"] or () for s in t["Services"] or ()
    ]:
        for check in service.get("Checks") or () if service.get("Provider") == "nomad" else ():
            identity = _identity(f"{allocation.id}/{task}/{service['Name']}/{check.get('Name')}", release)
            found[identity] = {
                "Check": check.get("Name") or "",
                "Group": f"{allocation.job_id}.{allocation.group}[{allocation.position}]",
                "ID": identity,
                "Mode": "readiness" if check.get("OnUpdate") == "ignore" else "healthiness",
                "Output": REFUSED if fails else "nomad: tcp ok",
                "Service": service["Name"],
                "Status": "failure" if fails else "success",
                **({"Task": task} if task else {}),
                "Timestamp": int(world.now),
            }
    return found


def _identity(text: str, release: SimulatedVersion) -> str:
    """The id of a check. It is longer since 2.0.5."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return digest if release.number >= (2, 0, 5) else digest[:32]
