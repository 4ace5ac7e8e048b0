"""Register one order by check-and-set, and settle what a lost answer left open (nomad.md 6 and 8). Blocking calls.

Nomad's register has no idempotency token: the index is the fence, and reading back tells who moved it.
It must never post twice.
"""

import time
from collections.abc import Mapping
from typing import Any

from app.adapters.nomad.client import NomadClient
from app.adapters.nomad.errors import Problem, Refusal, Silence, is_not_now, may_be_applied, while_writing
from app.adapters.nomad.jobspec import carries, edited
from app.adapters.nomad.translate import submission, submission_read_back, unusable
from app.adapters.nomad.vault import VaultToken
from app.domain.job import Order, Submission
from app.domain.watch import JobPlace
from app.errors import JobChanged, JobRejected, OutcomeUnknown, RegistryWatcherError

# A write that hung may be applied a moment after its connection is gone.
_SETTLE = (0.0, 0.1, 0.25, 0.5, 1.0)


class Registration:
    """The writing half of the deployer."""

    def __init__(self, client: NomadClient, vault: VaultToken) -> None:
        self._client = client
        self._vault = vault

    def submit(self, place: JobPlace, order: Order) -> Submission:
        """As `Deployer.submit` of app/ports.py."""
        before = self._client.job(place)
        if before is None:
            raise JobChanged(f"the job {place} is no longer in Nomad")
        if before["JobModifyIndex"] != order.expected_index:
            raise JobChanged(
                f"somebody else changed the job {place} first: its index is {before['JobModifyIndex']}, "
                f"not {order.expected_index}"
            )
        if reason := unusable(before):
            raise JobRejected(reason)
        job = self._vault.added_to(edited(before, order))
        try:
            reply = self._client.register(
                place, {"Job": job, "EnforceIndex": True, "JobModifyIndex": order.expected_index}
            )
        except (Refusal, Silence) as problem:
            return self._settled(place, order, problem)
        return submission(reply, before)

    def recover(self, place: JobPlace, order: Order) -> Submission | None:
        """As `Deployer.recover` of app/ports.py.

        An order that was applied and then replaced (by Nomad's own rollback, say) is found among the versions: what
        became of it is for `observe` to tell.
        """
        job = self._client.job(place)
        if job is None:
            raise JobChanged(f"the job {place} is no longer in Nomad")
        if job["JobModifyIndex"] == order.expected_index:
            return None
        ours = job if carries(job, order) else self._earlier(place, order)
        if ours is None:
            raise JobChanged(f"the job {place} moved on to index {job['JobModifyIndex']} without what we ordered")
        return submission_read_back(ours["JobModifyIndex"], self._client.of_job(place, "evaluations"))

    def _earlier(self, place: JobPlace, order: Order) -> Mapping[str, Any] | None:
        """The first version after the one that we read which carries the order."""
        later = [each for each in self._client.versions(place) if each["JobModifyIndex"] > order.expected_index]
        return min(
            (each for each in later if carries(each, order)), key=lambda each: each["JobModifyIndex"], default=None
        )

    def _settled(self, place: JobPlace, order: Order, problem: Problem) -> Submission:
        """Tell by reading what became of a failed post; raise when it was not applied, or when nobody knows."""
        certain = while_writing(problem, self._client.origin)
        if certain is not None and not is_not_now(problem):
            raise certain
        found, why = self._read_back(place, order, tries=_SETTLE if may_be_applied(problem) else _SETTLE[:1])
        if found is not None:
            return found
        if certain is not None:
            raise certain
        raise OutcomeUnknown(
            f"the answer to registering {place} was lost ({problem}), and reading back did not settle it{why}"
        ) from problem

    def _read_back(self, place: JobPlace, order: Order, *, tries: tuple[float, ...]) -> tuple[Submission | None, str]:
        why = ""
        for pause in tries:
            time.sleep(pause)
            try:
                found = self.recover(place, order)
            except JobChanged:
                raise
            except RegistryWatcherError as error:
                why = f": {error}"
                continue
            if found is not None:
                return found, ""
            why = ": the job is as before"
        return None, why
