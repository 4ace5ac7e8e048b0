"""Updates the source that Nomad stores with a job, where the result can be proved to be right. Blocking calls.

A registration without a source leaves the old image in the source that Nomad shows (docs/nomad.md, section 6). A new
source is sent only if Nomad's own parse of it, planned, changes the job by exactly what we register. Without that proof
the source is stale, and the registration goes on. A source is never logged or quoted.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from app.adapters.nomad import refusals
from app.adapters.nomad.http.client import NomadClient
from app.adapters.nomad.http.problem import Refusal, Silence
from app.adapters.nomad.register.changes import changes
from app.adapters.nomad.register.jobspec import carries
from app.adapters.nomad.register.planner import Planner, Reply
from app.adapters.nomad.register.source import (
    MAX_SIZE,
    JobSource,
    image_pairs,
    is_named,
    job_source,
    json_job,
    parse_request,
    renamed,
)
from app.adapters.nomad.register.vault import VaultToken
from app.domain.job import JobPatch, SourceState
from app.domain.watch import JobPlace
from app.errors import RegistryWatcherError

_TRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSource:
    """What becomes of the source: `submission` goes with the registration; `note` says why the source is stale."""

    source: SourceState = SourceState.NONE
    note: str = ""
    submission: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPatch:
    """A patch before its registration: the job as read, the patch, and the plan's reply for the edited job.

    `reply` is None where the token may not plan.
    """

    before: Mapping[str, Any]
    patch: JobPatch
    reply: Reply | None


class SourceKeeper:
    """Finds out whether a registration can carry a source. Needs one read where no source is stored."""

    def __init__(self, client: NomadClient, planner: Planner, vault: VaultToken) -> None:
        self._client = client
        self._planner = planner
        self._vault = vault

    def kept(self, place: JobPlace, planned_patch: PlannedPatch) -> KeptSource:
        """Decide about the source. Never raises: a problem with the source must not stop the registration."""
        pairs = image_pairs(planned_patch.before, planned_patch.patch)
        if not pairs:
            return KeptSource()
        try:
            stored = self._stored(place, planned_patch.before)
        except RegistryWatcherError:
            # Nomad cannot read back a flag with a percent sign (docs/nomad.md, section 6).
            return _stale("Nomad could not read it back")
        if stored is None:
            return KeptSource()
        if planned_patch.reply is None:
            return _stale("the token may not plan, so a changed source cannot be checked")
        if any(change.marker is not None for change in planned_patch.patch.changes.values()):
            return _stale("the registration carries a marker of ours, which the source lacks")
        reason = "the old image or tag is not in it exactly once"
        for changed in islice(renamed(stored, pairs), _TRIES):
            reason = self._reason_against(place, changed, planned_patch)
            if not reason:
                return KeptSource(source=SourceState.KEPT, submission=changed.submission)
        return _stale(reason)

    def found(self, place: JobPlace, registered: Mapping[str, Any], patch: JobPatch) -> SourceState:
        """What became of the source with a registration whose answer was lost, judged by the stored source."""
        try:
            stored = self._stored(place, registered)
        except RegistryWatcherError:
            return SourceState.STALE
        if stored is None:
            return SourceState.NONE
        return SourceState.KEPT if is_named(stored, patch) else SourceState.STALE

    def _stored(self, place: JobPlace, job: Mapping[str, Any]) -> JobSource | None:
        version = str(job.get("Version") or 0)
        reply = self._client.get(place, "job", place.job_id, "submission", shape=dict, version=version)
        return job_source(reply) if reply else None

    def _reason_against(self, place: JobPlace, changed: JobSource, planned_patch: PlannedPatch) -> str:
        """Why the changed source is not proved to give the edited job; "" when it is proved."""
        if changed.size > MAX_SIZE:
            return "it is larger than Nomad keeps (job_max_source_size)"
        parsed = json_job(changed) if changed.format == "json" else self._parsed(place, changed)
        if parsed is None:
            return "Nomad could not parse it with the new image, or the token may not parse (parse-job)"
        if parsed.get("ID") != place.job_id or not carries(parsed, planned_patch.patch):
            return "it does not give the new image when the old one is replaced in it"
        try:
            planned = self._planner.plan(
                place, self._vault.added_to(parsed), expected_index=planned_patch.patch.expected_index
            )
        except RegistryWatcherError:
            planned = None
        if planned is None or _differences(planned) != _differences(planned_patch.reply or {}):
            return "it differs from the registered job in more than the image (such as a count set by an autoscaler)"
        return ""

    def _parsed(self, place: JobPlace, source: JobSource) -> dict[str, Any] | None:
        try:
            return self._client.post(place, "jobs", "parse", body=parse_request(source))
        except (Refusal, Silence):
            return None


def _differences(planned: Reply) -> Counter[tuple[object, ...]]:
    found = changes(planned.get("Diff") or {})
    return Counter((each.key, each.objects, each.name, each.kind, each.old, each.new) for each in found)


def _stale(reason: str) -> KeptSource:
    return KeptSource(source=SourceState.STALE, note=refusals.source_stale(reason))
